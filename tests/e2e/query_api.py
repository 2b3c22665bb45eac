"""What a zone answers about a meter's readings, page by page, in the words of the test."""

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from tests.e2e.cold_record import Current
from tests.e2e.lab import Lab
from tests.e2e.versions import INTERVAL_S, Slot, Version, instant


class MeterQuery:
    """The queries of a meter's period `[begin_s, end_s)` at one zone, with its tenant's key."""

    def __init__(
        self, lab: Lab, *, tenant: str, zone: str, meter: str, begin_s: int, end_s: int
    ) -> None:
        self._lab = lab
        self._tenant = tenant
        self._zone = zone
        self._meter = meter
        self._period = f"from={instant(begin_s)}&to={instant(end_s)}"

    async def shown(self) -> dict[Slot, Current]:
        """What counts now, of intervals and events."""
        found: dict[Slot, Current] = {}
        async for page in self._pages("readings"):
            for part in page["series"]:
                columns = (part[name] for name in ("final", "quality", "values", "revision"))
                for n, (final, quality, raw, revision) in enumerate(zip(*columns, strict=True)):
                    if final is not None:
                        slot = self._slot(part["start"], INTERVAL_S, steps=n)
                        found[slot] = Current(Version(final, quality), raw, revision)
        async for page in self._pages("events"):
            for event in page["events"]:
                slot = self._slot(event["at"], event["interval_s"])
                assert slot not in found
                version = Version(event["final"], event["quality"])
                found[slot] = Current(version, event["value"], event["revision"])
        return found

    async def revisions(self) -> dict[Slot, list[Version]]:
        """What does not count, in order; headquarters knows."""
        found = defaultdict(list)
        async for page in self._pages("revisions"):
            for part in page["revisions"]:
                slot = self._slot(part["at"], part["interval_s"])
                found[slot].append(Version(part["value"], part["quality"]))
        return dict(found)

    async def _pages(self, what: str) -> AsyncIterator[dict[str, Any]]:
        cursor = ""
        while True:
            path = f"/v1/mdms/{what}?meter_id={self._meter}&{self._period}&limit=2000{cursor}"
            page = await self._lab.ask(self._tenant, self._zone, path)
            yield page
            if page["next_cursor"] is None:
                return
            cursor = f"&cursor={page['next_cursor']}"

    def _slot(self, at: str, interval_s: int, *, steps: int = 0) -> Slot:
        start_s = int(datetime.fromisoformat(at).timestamp()) + steps * interval_s
        return Slot(self._tenant, self._meter, start_s, interval_s)
