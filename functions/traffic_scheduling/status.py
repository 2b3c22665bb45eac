"""What the status route shows of a link."""

from typing import Any

from functions.runtime.config import WorkerConfig
from functions.traffic_scheduling.lanes import Uplinks
from functions.traffic_scheduling.metrics import LinkMetrics
from storage.hot.uplink import Uplink


async def status_of(
    *, config: WorkerConfig, uplink: Uplink, uplinks: Uplinks, metrics: LinkMetrics
) -> dict[str, Any]:
    """Ask the store what waits, by tenant; the gauges follow.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    metrics.link(up=uplinks.link_error is None)
    tenants = []
    for one in uplinks.tenants:
        backlog = await uplink.backlog(one.slug)
        metrics.waits(one.slug, backlog)
        tenants.append(
            {
                "tenant": one.slug,
                "leaving": one.leaving,
                "backlog_bytes": backlog.bytes,
                "backlog_entries": backlog.entries,
                "oldest_age_s": round(backlog.oldest_age_s, 3),
                "failures": one.failures,
                "last_error": one.last_error,
            }
        )
    return {
        "zone": config.zone,
        "parent": config.parent_url,
        "link": {"up": uplinks.link_error is None, "last_error": uplinks.link_error},
        "tenants": tenants,
    }
