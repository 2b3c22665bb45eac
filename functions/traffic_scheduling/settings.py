"""Limits of the link: how much travels at once, how long it waits, how often things are asked."""

from typing import Annotated, Any

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type; names it."""


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch goes out at `batch_bytes` of payload or when its first entry waited `batch_age_s`."""

    batch_bytes: Positive = 256 * 1024
    batch_entries: Positive = 2_000
    batch_age_s: Seconds = 0.2
    lanes: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4
    first_retry_s: Seconds = 0.25
    longest_retry_s: Seconds = 30.0
    longest_link_retry_s: Seconds = 5.0
    answer_within_s: Seconds = 30.0
    tenants_every_s: Seconds = 2.0
    registry_every_s: Seconds = 1.0
    registry_page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1_000


def read_settings(settings: dict[str, Any]) -> LinkSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        return msgspec.convert(settings, LinkSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of traffic_scheduling: {error}") from error
