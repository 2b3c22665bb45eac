"""Whose data the zone carries: asked of its own gateway, kept when that does not answer."""

import asyncio
import logging

from functions.traffic_scheduling.link import CallRefused, Link, LinkDown
from functions.traffic_scheduling.schedule import Schedule

logger = logging.getLogger(__name__)


async def follow_tenants(*, link: Link, schedule: Schedule, every_s: float) -> None:
    """Keep `schedule` at the zone's tenants until cancelled."""
    failing = False
    while True:
        try:
            found = await link.tenants()
            schedule.serve_only(
                {one.slug: one.weight for one in found},
                leaving={one.slug for one in found if one.link_only},
            )
        except (LinkDown, CallRefused) as error:
            if not failing:
                logger.warning("the tenants of the zone stay as they were: %s", error)
            failing = True
        except Exception:
            # The edge of this task: the list that is known goes on being served.
            logger.exception("asking for the tenants of the zone failed")
        else:
            failing = False
        await asyncio.sleep(every_s)
