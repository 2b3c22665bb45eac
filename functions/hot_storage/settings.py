"""How a zone's hot_storage worker works, for all tenants; what a tenant may say is its policy."""

from typing import Annotated, Any, Literal

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type; names it."""


class HotStorageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recall waits `recall_within_s` for the parent, which is left alone for `rest_s` after it
    was out of reach. What was recalled serves again for `keep_s`, that a block does not exist for
    `keep_absent_s`; `cache_bytes` bounds both, of all tenants. `together` questions are on their
    way at a time. Copies of promoted blocks are compared with the parent's every
    `compare_every_s`. Demotion looks every `demote_every_s`, at `demote_blocks` blocks in one
    step; counts of reads are kept of `history_blocks` blocks a tenant. `replication` is said in the
    status: the link works by it.
    """

    replication: Literal["eager", "lazy"] = "eager"
    recall_within_s: Seconds = 5.0
    rest_s: Seconds = 2.0
    keep_s: Seconds = 30.0
    keep_absent_s: Seconds = 5.0
    cache_bytes: Positive = 64 << 20
    together: Positive = 16
    compare_every_s: Seconds = 60.0
    tenants_every_s: Seconds = 5.0
    demote_every_s: Seconds = 3_600.0
    demote_blocks: Positive = 512
    history_blocks: Positive = 100_000
    history_every_s: Seconds = 15.0


def read_settings(settings: dict[str, Any]) -> HotStorageSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        return msgspec.convert(settings, HotStorageSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of hot_storage: {error}") from error
