"""What a tenant may set for its cold tier."""

from typing import Any

import msgspec


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type; names it."""


class ColdStorageSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing yet."""


def read_settings(settings: dict[str, Any]) -> ColdStorageSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        return msgspec.convert(settings, ColdStorageSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of cold_storage: {error}") from error
