"""What a spec must keep beyond the types of its fields."""

import json
from collections.abc import Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from storage.platform.functions.cron_fields import CronFault, check_cron
from storage.platform.functions.spec import FunctionSpec, Schedule, Topic

MAX_TRIGGERS = 16
MOST: Final[Mapping[str, float]] = MappingProxyType(
    {
        "memory_mb": 1 << 20,
        "cpu": 1_024,
        "pids": 1 << 16,
        "disk_mb": 1 << 20,
        "timeout_s": 86_400,
        "concurrency": 10_000,
        "max_body_bytes": 1 << 30,
        "idle_s": 30 * 86_400,
        "min": 64,
        "max": 256,
        "rate_per_s": 1e9,
        "max_concurrency": 1_000_000,
        "queue": 100_000,
        "scale.target": 1e9,
        "scale.stable_s": 86_400,
        "asynchronous.tries": 1_000,
        "asynchronous.queue": 100_000,
        "asynchronous.keep_result_s": 30 * 86_400,
        "asynchronous.backoff_s": 86_400,
        "asynchronous.max_backoff_s": 86_400,
    }
)
"""What a tenant's function may ask for at most; a zone may have less. None of it is infinite."""


class Fault(NamedTuple):
    """What is wrong with a field, and what to do about it."""

    field: str
    reason: str
    advice: str


def service_faults(spec: FunctionSpec) -> list[Fault]:
    """Check the spec of one of the platform's services, which needs an application and a path."""
    faults = _faults(spec)
    if spec.app is None:
        faults.append(Fault("app", "a service has none", "name its factory, module:create_app"))
    if spec.route_prefix is None:
        faults.append(Fault("route_prefix", "a service has none", "set it to /v1/<name>"))
    if spec.opt_in and spec.owner != "tenant":
        faults.append(Fault("opt_in", "the platform's own worker serves all", "set owner: tenant"))
    return faults


def tenant_faults(spec: FunctionSpec) -> list[Fault]:
    """Check the spec of a tenant's function, which may not take what the platform's have."""
    faults = _faults(spec)
    for field, value in (("app", spec.app), ("route_prefix", spec.route_prefix)):
        if value is not None:
            advice = f"remove it: the function is called at /function/{spec.name}"
            faults.append(Fault(field, "only the platform's services have it", advice))
    for field in ("opt_in", "woken_by"):
        if getattr(spec, field):
            faults.append(Fault(field, "only the platform's services have it", "remove it"))
    if spec.owner != "tenant":
        faults.append(Fault("owner", "only the platform's services have others", "remove it"))
    for field, most in MOST.items():
        asked = attrgetter(field)(spec)
        if asked is not None and asked > most:
            faults.append(Fault(field, "it is too much", f"ask for {most:g} at most"))
    for number, trigger in enumerate(spec.triggers):
        if isinstance(trigger, Topic) and trigger.tries > MOST["asynchronous.tries"]:
            advice = f"ask for {MOST['asynchronous.tries']:g} at most"
            faults.append(Fault(f"triggers[{number}].tries", "it is too much", advice))
    return faults


def _faults(spec: FunctionSpec) -> list[Fault]:
    faults = []
    if spec.min > spec.max:
        reason = f"min {spec.min} is above max {spec.max}"
        faults.append(Fault("min", reason, "raise max or lower min"))
    if spec.scale.metric == "concurrency" and spec.scale.target > 1:
        reason = f"{spec.scale.target:g} is above 1, and it is a share of `concurrency`"
        faults.append(Fault("scale.target", reason, "give a share, like 0.7, or metric: rate"))
    if spec.asynchronous.backoff_s > spec.asynchronous.max_backoff_s:
        reason = "backoff_s is above max_backoff_s"
        faults.append(Fault("asynchronous.backoff_s", reason, "raise max_backoff_s"))
    if len(set(spec.tiers)) < len(spec.tiers):
        faults.append(Fault("tiers", "a tier is named twice", "name each tier once"))
    if len(spec.triggers) > MAX_TRIGGERS:
        reason = f"there are more than {MAX_TRIGGERS}"
        faults.append(Fault("triggers", reason, "let one schedule or topic do for several"))
    for number, trigger in enumerate(spec.triggers):
        faults += _trigger_faults(trigger, place=f"triggers[{number}]")
    return faults


def _trigger_faults(trigger: Schedule | Topic, *, place: str) -> list[Fault]:
    if isinstance(trigger, Topic):
        return []
    faults = []
    try:
        json.dumps(msgspec.to_builtins(trigger.body), allow_nan=False)
    except ValueError:
        reason = "a number in it is infinite or none at all"
        faults.append(Fault(f"{place}.body", reason, "write what JSON can hold"))
    try:
        check_cron(trigger.cron)
    except CronFault as error:
        advice = 'five fields: minute hour day month weekday, like "*/5 * * * *"'
        faults.append(Fault(f"{place}.cron", str(error), advice))
    if trigger.time_zone is not None:
        try:
            ZoneInfo(trigger.time_zone)
        except (OSError, ValueError, LookupError):
            reason = f"no time zone is named {trigger.time_zone!r}"
            faults.append(Fault(f"{place}.time_zone", reason, "use a name like Asia/Baghdad"))
    return faults
