"""What the routes of hot_storage say and hear, as JSON."""

from typing import Annotated

import msgspec


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A reason that is true of a block; the first of them decides."""

    name: str
    tier: str
    says: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a block is and should be; `here`: how many of its slots are held in this zone.

    `reads` is what is left of its reads after fading, `age_days` counts from the end of its day.
    `promoted` tells that a copy of the record's block is kept. `record` is what the parent said:
    the record's number of values, and whether it covers what is held here; None when it could not
    be asked, for the reason in `record_error`.
    """

    meter_id: str
    register: str
    day: str
    interval_s: int
    tier: str
    decided_by: str
    reasons: list[Reason]
    age_days: float
    reads: float
    pressure: float
    here: int
    promoted: bool
    record: dict[str, int | bool] | None
    record_error: str | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a run: `dry_run` changes nothing and says what would be done."""

    dry_run: bool = False


class RunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a run found and did; `decided` counts blocks by the reason that decided them.

    Days that are too young altogether are not looked at. `refused` counts cold blocks that stay,
    by why: `not-on-record`, `record-differs`, `open-exception`, `changed-meanwhile`.
    """

    dry_run: bool
    days: int
    hot: int
    cold: int
    dropped: int
    dropped_bytes: int
    decided: dict[str, int]
    refused: dict[str, int]
    took_s: float
    error: str | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant's tiers in this zone; days are UTC dates, ages are in seconds."""

    zone: str
    replication: str
    held_bytes: int
    memory_limit_bytes: int
    pressure: float
    dropped_through: str | None
    promoted_blocks: int
    promoted_bytes: int
    counted_blocks: int
    newest_age_s: float | None
    parent_reachable: bool
    parent_error: str | None
    durability: str
    last_run: RunAnswer | None


class ReadsBody(msgspec.Struct, frozen=True, array_like=True):
    """Reads of a block: meter, register, UTC day since 1970, interval length, how many."""

    meter_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    register: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    day: Annotated[int, msgspec.Meta(ge=0, le=100_000)]
    interval_s: Annotated[int, msgspec.Meta(ge=60, le=86_400)]
    reads: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]
