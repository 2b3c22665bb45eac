"""What a call of the record raises when the record itself, not the call, is to blame."""

from typing import Final

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

RECORD_FAILURES: Final[tuple[type[Exception], ...]] = (
    OSError,
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""PostgreSQL cannot be reached, is starting or stopping, or broke off; another try may succeed.
`TimeoutError` is an `OSError`."""
