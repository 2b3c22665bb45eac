"""What holds for a tenant's cold tier: how long its readings stay in the record, and in files."""

from typing import Annotated, Any

import msgspec

Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type, or would keep less than the law asks."""


class ColdStorageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whole months leave the record for Parquet files once their last day is `archive_after_days`
    old, and the files are erased once it is `erase_after_days` old; None keeps them.

    Neither may be below `legal_minimum_days`, which the platform sets and no tenant: nothing
    leaves the record before readings of its days are refused as stale, nor before the law lets it.
    """

    archive_after_days: Days | None = None
    erase_after_days: Days | None = None
    legal_minimum_days: Days = 1_100


def read_settings(settings: dict[str, Any]) -> ColdStorageSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        read = msgspec.convert(settings, ColdStorageSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of cold_storage: {error}") from error
    for name in ("archive_after_days", "erase_after_days"):
        days = getattr(read, name)
        if days is not None and days < read.legal_minimum_days:
            least = read.legal_minimum_days
            raise SettingsError(f"settings of cold_storage: {name} is {days}, less than {least}")
    return read
