"""What the status route shows of a link."""

from typing import Any

from functions.runtime.config import WorkerConfig
from functions.traffic_scheduling.flow import TenantFlows
from functions.traffic_scheduling.metrics import LinkMetrics
from functions.traffic_scheduling.schedule import Schedule
from storage.hot.uplink import Backlog, Uplink
from storage.model.traffic import TrafficClass


async def status_of(
    *, config: WorkerConfig, uplink: Uplink, schedule: Schedule, metrics: LinkMetrics
) -> dict[str, Any]:
    """Ask the store what waits, by tenant and class; the gauges follow.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    cap = schedule.cap
    up = schedule.link_error is None
    metrics.link(up=up, cap=cap)
    tenants = [await _tenant(one, uplink, schedule, metrics) for one in schedule.tenants]
    return {
        "zone": config.zone,
        "parent": config.parent_url,
        "link": {
            "up": up,
            "last_error": schedule.link_error,
            "cap_bits_per_s": cap.bits_per_s,
            "cap_waits": cap.waits,
            "cap_waited_s": round(cap.waited_s, 3),
        },
        "tenants": tenants,
    }


async def _tenant(
    one: TenantFlows, uplink: Uplink, schedule: Schedule, metrics: LinkMetrics
) -> dict[str, Any]:
    classes = {
        each.value: await _class(one, each, uplink, schedule, metrics) for each in TrafficClass
    }
    backlog = Backlog(
        bytes=sum(said["bytes"] for said in classes.values()),
        entries=sum(said["entries"] for said in classes.values()),
        oldest_age_s=max(said["oldest_age_s"] for said in classes.values()),
    )
    metrics.waits(one.tenant, backlog)
    return {
        "tenant": one.tenant,
        "weight": one.weight,
        "leaving": one.leaving,
        "backlog_bytes": backlog.bytes,
        "backlog_entries": backlog.entries,
        "oldest_age_s": backlog.oldest_age_s,
        "failures": one.failures,
        "last_error": one.last_error,
        "classes": classes,
    }


async def _class(
    one: TenantFlows,
    traffic_class: TrafficClass,
    uplink: Uplink,
    schedule: Schedule,
    metrics: LinkMetrics,
) -> dict[str, Any]:
    """`oldest_age_s` is of all that waits, `oldest_live_age_s` without the backlog."""
    entries = size = 0
    oldest_s = {"live": 0.0, "backlog": 0.0}
    for queue, pair in one.queues.items():
        if queue.traffic_class is not traffic_class:
            continue
        all_of_it = live = await uplink.backlog(one.tenant, queue)
        if pair.cut is not None and all_of_it.entries:
            live = await uplink.backlog(one.tenant, queue, after=pair.cut)
            oldest_s["backlog"] = max(oldest_s["backlog"], all_of_it.oldest_age_s)
        oldest_s["live"] = max(oldest_s["live"], live.oldest_age_s)
        entries += all_of_it.entries
        size += all_of_it.bytes
    name = traffic_class.value
    metrics.class_waits(one.tenant, name, entries=entries, size=size, oldest_s=oldest_s)
    return {
        "deadline_s": schedule.rules[traffic_class].deadline_s,
        "entries": entries,
        "bytes": size,
        "oldest_age_s": round(max(oldest_s.values()), 3),
        "oldest_live_age_s": round(oldest_s["live"], 3),
        "sent": metrics.sent_of(one.tenant, name),
    }
