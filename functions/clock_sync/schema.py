"""What goes over the wire in an exchange, and what the status route shows."""

from typing import Annotated

import msgspec

# Year 2262: the end of 64 bits of nanoseconds.
Instant = Annotated[int, msgspec.Meta(ge=0, le=9_223_372_036_854_775)]


class ExchangeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`t1_us`: when the question left, in microseconds since 1970 by the asker's clock.

    A head-end that asks for many meters at once sends a list, one a meter.
    """

    t1_us: Instant | list[Instant]


class ExchangeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`t1_us` as it came; `t2_us` when the question was here, `t3_us` when the answer left.

    The asker adds `t4_us`, when the answer is there: its clock lacks
    `((t2 - t1) + (t3 - t4)) / 2`, and the delay is `(t4 - t1) - (t3 - t2)`. The time told is
    within `root_delay_us / 2 + root_dispersion_us` of headquarters'; where `synchronised` is
    false it is not to be used. The asker's stratum is `stratum` + 1.
    """

    t1_us: int | list[int]
    t2_us: int
    t3_us: int
    zone: str
    synchronised: bool
    stratum: int
    reference: str | None
    root_delay_us: int
    root_dispersion_us: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How good the zone's time is.

    `offset_us` is what the system clock of its machine lacks, `heard` when its parent last
    answered (RFC 3339), `sntp` where SNTP is served, null where it is not.
    """

    zone: str
    now: str
    synchronised: bool
    stratum: int
    reference: str | None
    offset_us: int
    delay_us: int
    jitter_us: int
    root_delay_us: int
    root_dispersion_us: int
    heard: str | None
    last_error: str | None
    sntp: str | None
