"""What a tenant's administrator may set for it in the platform's services."""

from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Reads = Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]


class InvalidSettings(ValueError):
    """A setting that there is none of, or a value it cannot have; names it."""


class MdmsTenantSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`mdms`: readings older than `stale_after_days` are refused, and so are those that are more
    than `clock_ahead_s` seconds ahead; a query spans at most `max_query_days`, and its days and
    months are those of `time_zone` (IANA) unless it says another. `weekend` are the
    days that are no working days, `holidays` dates that are alike whatever day of the week they
    are, `approve_edits` wants another key's approval of each edit, and
    estimates that last `prolonged_estimation_hours` are an exception.
    """

    stale_after_days: Days | None = None
    clock_ahead_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None
    max_query_days: Days | None = None
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    weekend: Annotated[list[Weekday], msgspec.Meta(max_length=7)] | None = None
    holidays: Annotated[list[date], msgspec.Meta(max_length=1_000)] | None = None
    approve_edits: bool | None = None
    prolonged_estimation_hours: Annotated[int, msgspec.Meta(ge=1, le=8_760)] | None = None


class TrafficTenantSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`traffic_scheduling`: `weight` is the tenant's share of a link beside the others', 1 each."""

    weight: Annotated[float, msgspec.Meta(ge=0.01, le=100)] | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days from `since` up to `until` (excluded) that stay hot, of all meters or of `meter_ids`."""

    since: date
    until: date
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "active-dr"
    meter_ids: Annotated[list[str], msgspec.Meta(max_length=10_000)] = []


class HotStorageTenantSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`hot_storage`: what stays in the zones' Redis, as its README says."""

    classifier: Literal["access", "age"] | None = None
    hot_days: Days | None = None
    pressed_days: Days | None = None
    longest_days: Days | None = None
    keep_reads: Reads | None = None
    half_life_days: Reads | None = None
    promote_reads: Reads | None = None
    keep_open_billing: bool | None = None
    billing_day: Annotated[int, msgspec.Meta(ge=1, le=28)] | None = None
    billing_grace_days: Annotated[int, msgspec.Meta(ge=0, le=366)] | None = None
    keep_open_exceptions: bool | None = None
    holds: Annotated[list[Hold], msgspec.Meta(max_length=100)] | None = None
    demote: bool | None = None


class ColdStorageTenantSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`cold_storage`: after how many days months leave the record for files, and files are erased.

    What the law asks to be kept is the platform's to say, and refuses less.
    """

    archive_after_days: Days | None = None
    erase_after_days: Days | None = None


class TenantSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """By service; None leaves a setting as the platform has it."""

    mdms: MdmsTenantSettings = MdmsTenantSettings()
    hot_storage: HotStorageTenantSettings = HotStorageTenantSettings()
    cold_storage: ColdStorageTenantSettings = ColdStorageTenantSettings()
    traffic_scheduling: TrafficTenantSettings = TrafficTenantSettings()


def changed_settings(before: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return settings by service and name after `change`, in which None takes one back.

    Raises:
        InvalidSettings: `change` names what is no setting, or gives one a wrong value.
    """
    merged = {service: dict(names) for service, names in before.items()}
    for service, names in change.items():
        if not isinstance(names, dict):
            raise InvalidSettings(f"settings of {service[:64]!r} are no object of names and values")
        merged[service] = merged.get(service, {}) | names
    try:
        read = msgspec.convert(merged, TenantSettings)
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"{error}; known: {', '.join(known_settings())}") from error
    _check_time_zone(read.mdms.time_zone)
    checked = msgspec.to_builtins(read)
    return {service: names for service, names in checked.items() if names}


def _check_time_zone(name: str | None) -> None:
    if name is None:
        return
    try:
        ZoneInfo(name)
    # A name that is part of a path, or a folder of zones, is an error of the file system.
    except (ValueError, OSError, KeyError) as error:
        raise InvalidSettings(f"mdms.time_zone: {name!r} is no IANA time zone") from error


def known_settings() -> list[str]:
    """Name every setting, as `mdms.stale_after_days`."""
    return [
        f"{service}.{name}"
        for service in TenantSettings.__struct_fields__
        for name in type(getattr(TenantSettings(), service)).__struct_fields__
    ]
