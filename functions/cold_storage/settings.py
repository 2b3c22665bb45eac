"""What holds for a tenant's cold tier: how long its readings stay in the record, and in files."""

from typing import Annotated, Any

import msgspec

Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type; names it."""


class ColdStorageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whole months leave the record for Parquet files once their last day is `archive_after_days`
    old, and the files are erased once it is `erase_after_days` old; None keeps them.

    Less than `legal_minimum_days`, which the platform sets and no tenant, counts as that: nothing
    leaves the record before readings of its days are refused as stale, nor before the law lets it.
    """

    archive_after_days: Days | None = None
    erase_after_days: Days | None = None
    legal_minimum_days: Days = 1_100

    @property
    def archives_after(self) -> int | None:
        """Days after which months leave the record; None for never."""
        return self._at_least(self.archive_after_days)

    @property
    def erases_after(self) -> int | None:
        """Days after which files are erased; None for never."""
        return self._at_least(self.erase_after_days)

    def _at_least(self, days: int | None) -> int | None:
        return None if days is None else max(days, self.legal_minimum_days)


def read_settings(settings: dict[str, Any]) -> ColdStorageSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        return msgspec.convert(settings, ColdStorageSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of cold_storage: {error}") from error
