"""What a tenant's administrator may set for it in the platform's services."""

from typing import Annotated, Any

import msgspec

Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class InvalidSettings(ValueError):
    """A setting that there is none of, or a value it cannot have; names it."""


class MdmsTenantSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`mdms`: readings older than `stale_after_days` are refused, and so are those that are more
    than `clock_ahead_s` seconds ahead; a query spans at most `max_query_days`.
    """

    stale_after_days: Days | None = None
    clock_ahead_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None
    max_query_days: Days | None = None


class TrafficTenantSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`traffic_scheduling`: `weight` is the tenant's share of a link beside the others', 1 each."""

    weight: Annotated[float, msgspec.Meta(ge=0.01, le=100)] | None = None


class TenantSettings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """By service; None leaves a setting as the platform has it."""

    mdms: MdmsTenantSettings = MdmsTenantSettings()
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
        checked = msgspec.to_builtins(msgspec.convert(merged, TenantSettings))
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"{error}; known: {', '.join(known_settings())}") from error
    return {service: names for service, names in checked.items() if names}


def known_settings() -> list[str]:
    """Name every setting, as `mdms.stale_after_days`."""
    return [
        f"{service}.{name}"
        for service in TenantSettings.__struct_fields__
        for name in type(getattr(TenantSettings(), service)).__struct_fields__
    ]
