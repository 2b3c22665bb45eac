"""What single values may be on the wire: names, instants, numbers."""

from datetime import datetime
from typing import Annotated

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
ObisCode = Annotated[str, msgspec.Meta(pattern=r"^\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3}$")]
MeterId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
# PostgreSQL's text holds no NUL.
Label = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00]*$")]
