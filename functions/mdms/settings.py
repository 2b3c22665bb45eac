"""What a tenant may set for its mdms; the rest are limits of the platform."""

from datetime import date
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type; names it."""


class MdmsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits a body, ages in days or seconds; the tail is folded at the first of its bounds.

    A zone's worker holds a registry of up to `registry_held_meters` whole; of a larger one it looks
    up the meters of a call, and remembers as many.
    """

    max_body_bytes: Positive = 8 * 1024 * 1024
    max_decoded_bytes: Positive = 32 * 1024 * 1024
    max_readings: Positive = 100_000
    stale_after_days: Positive = 1_100
    clock_ahead_s: Annotated[int, msgspec.Meta(ge=0)] = 300
    uplink_limit_bytes: Positive = 512 * 1024 * 1024
    memory_limit_bytes: Positive = 2 * 1024 * 1024 * 1024
    registry_check_s: Seconds = 1.0
    registry_held_meters: Positive = 200_000
    max_query_days: Positive = 400
    time_zone: str = "UTC"
    validation_rest_s: Seconds = 2.0
    gap_sweep_s: Seconds = 30.0
    weekend: tuple[Weekday, ...] = ("saturday", "sunday")
    holidays: frozenset[date] = frozenset()
    approve_edits: bool = False
    prolonged_estimation_hours: Annotated[int, msgspec.Meta(ge=1, le=8_760)] = 48
    fold_after_s: Seconds = 600.0
    fold_quiet_s: Seconds = 5.0
    fold_after_readings: Positive = 1_000_000
    fold_after_entries: Positive = 20_000
    fold_step_entries: Positive = 10_000
    fold_step_slots: Positive = 4_000_000

    @property
    def weekend_days(self) -> frozenset[int]:
        """Days of the week that are no working days, Monday 0."""
        days: tuple[str, ...] = get_args(Weekday)
        return frozenset(days.index(one) for one in self.weekend)


def read_settings(settings: dict[str, Any]) -> MdmsSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        read = msgspec.convert(settings, MdmsSettings)
        ZoneInfo(read.time_zone)
    except (msgspec.ValidationError, ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(f"settings of mdms: {error}") from error
    return read
