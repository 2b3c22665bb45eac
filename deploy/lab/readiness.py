"""Waiting until every gateway says that its zone is ready."""

import asyncio
import time
from collections.abc import Sequence

import httpx

from deploy.lab.failure import LabFailure
from deploy.lab.reporting import Reporter
from deploy.lab.topology import gateway_url
from zones.topology import Zone

PAUSE_S = 0.1
ASK_TIMEOUT_S = 5.0
# A zone that takes longer is named, with what it lacks, and again as often.
SAY_EVERY_S = 10.0


class NotReadyInTime(LabFailure):
    """A zone was not ready before the deadline."""


async def wait_until_ready(zones: Sequence[Zone], *, deadline: float, reporter: Reporter) -> None:
    """Return when each zone's `/readyz` answers 200; `deadline` is in `time.monotonic`.

    Raises:
        NotReadyInTime: names the zones that are not ready, and what they said last.
    """
    async with httpx.AsyncClient(timeout=ASK_TIMEOUT_S, trust_env=False) as client:
        pending = dict.fromkeys(zones, "")
        say_at = time.monotonic() + SAY_EVERY_S
        while True:
            answers = await asyncio.gather(*(ask_ready(client, zone) for zone in pending))
            pending = {
                zone: reason
                for zone, reason in zip(pending, answers, strict=True)
                if reason is not None
            }
            if not pending:
                return
            named = "; ".join(f"{zone.name}: {reason}" for zone, reason in pending.items())
            if time.monotonic() > deadline:
                raise NotReadyInTime(f"not ready in time: {named}")
            if time.monotonic() > say_at:
                reporter.step(f"still waiting for {named}")
                say_at = time.monotonic() + SAY_EVERY_S
            await asyncio.sleep(PAUSE_S)


async def ask_ready(client: httpx.AsyncClient, zone: Zone) -> str | None:
    """Return None when the zone is ready, else why it is not."""
    try:
        answer = await client.get(f"{gateway_url(zone)}/readyz")
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    return None if answer.status_code == 200 else f"{answer.status_code} {answer.text[:200]}"
