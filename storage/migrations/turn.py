"""One change of schemas and logins at a time in a database."""

from typing import Final

from sqlalchemy import Connection, text

# Names the lock; "gfmigr" in ASCII.
_FIRST_RUN: Final = 0x6766_6D69_6772


def take_turn(connection: Connection) -> None:
    """Wait until no other transaction migrates or provisions, and keep others out until commit."""
    if connection.scalar(text("SELECT to_regclass('platform.version') IS NOT NULL")):
        # Not an advisory lock: those are shared with the tenants' logins, who could hold it.
        connection.exec_driver_sql("LOCK TABLE platform.version IN EXCLUSIVE MODE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _FIRST_RUN})
