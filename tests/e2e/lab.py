"""A running lab whose links a test holds in its hand, with meters registered at headquarters."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from deploy.lab.home import Home
from deploy.lab.running import RunningLab, running_lab
from deploy.lab.topology import edges, headquarters, lab_topology
from tests.e2e.free_ports import free_ports
from tests.e2e.line import Answer, Line, NoAnswer, by_port
from tests.e2e.link import Link
from tests.e2e.versions import INTERVAL_S, REGISTER
from zones.topology import Topology

METERS = "/v1/mdms/meters"
START_S = 150.0
PAUSE_S = 0.1


class Silent:
    """Takes no notice of steps."""

    def step(self, text: str) -> None:
        """Ignore it."""

    def progress(self, done: int, total: int) -> None:
        """Ignore it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """The lab, and the link above each zone that has a parent."""

    running: RunningLab
    links: Mapping[str, Link]

    @property
    def home(self) -> Home:
        """Its folders."""
        return self.running.home

    @property
    def topology(self) -> Topology:
        """Its zones."""
        return self.running.topology

    @property
    def tenants(self) -> list[str]:
        """Slugs of its tenants."""
        return list(self.running.keys.tenants)

    @property
    def edges(self) -> list[str]:
        """Names of the zones that meters speak to."""
        return [zone.name for zone in edges(self.topology)]

    def line(self, tenant: str, zone: str) -> Line:
        """A connection to a zone's gateway, with a tenant's key."""
        return Line(by_port(self.topology.zone(zone).port), key=self.running.keys.tenants[tenant])

    async def call(
        self,
        tenant: str,
        zone: str,
        path: str,
        *,
        method: str = "GET",
        body: bytes = b"",
        **more: str,
    ) -> Answer:
        """One request with a tenant's key on a connection of its own; `more` are headers."""
        line = self.line(tenant, zone)
        try:
            return await line.call(method, path, body, **more)
        finally:
            line.close()

    async def ask(self, tenant: str, zone: str, path: str) -> Any:
        """GET as a tenant; the answer must be 200."""
        answer = await self.call(tenant, zone, path)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    async def recovered(self) -> None:
        """Return when every zone says that it is ready."""
        for zone in self.topology.zones:
            line = Line(by_port(zone.port))
            while True:
                with contextlib.suppress(NoAnswer):
                    if (await line.call("GET", "/readyz")).status == 200:
                        break
                await asyncio.sleep(PAUSE_S)
            line.close()

    async def register(self, tenant: str, meters: Sequence[str]) -> None:
        """Register meters at headquarters and wait until every edge knows them."""
        forms = [
            {"meter_id": meter, "registers": [REGISTER], "interval_s": INTERVAL_S, "dials": 12}
            for meter in meters
        ]
        top = headquarters(self.topology).name
        async with asyncio.timeout(START_S):
            await self._until(tenant, top, "POST", {"meters": forms}, wanted=set())
            for edge in self.edges:
                await self._until(tenant, edge, "GET", None, wanted=set(meters))

    async def _until(
        self, tenant: str, zone: str, method: str, body: Any, *, wanted: set[str]
    ) -> None:
        """Call the registry until it answers 200 with `wanted` among its meters."""
        line = self.line(tenant, zone)
        while True:
            with contextlib.suppress(NoAnswer):
                payload = b"" if body is None else json.dumps(body).encode()
                answer = await line.call(method, f"{METERS}?limit=10000", payload)
                if answer.status == 200:
                    known = {meter["meter_id"] for meter in json.loads(answer.body)["meters"]}
                    if wanted <= known:
                        break
            await asyncio.sleep(PAUSE_S)
        line.close()


@asynccontextmanager
async def open_lab(folder: Path) -> AsyncIterator[Lab]:
    """A lab in `folder`, with a link above every zone but headquarters, for a block's length."""
    count = len(lab_topology().zones)
    topology = lab_topology(first_port=free_ports(count))
    async with AsyncExitStack() as stack:
        links = {}
        zones = []
        for zone in topology.zones:
            if zone.parent is not None:
                link = links[zone.name] = Link(topology.zone(zone.parent).port)
                await stack.enter_async_context(link.opened())
                zone = msgspec.structs.replace(zone, uplink_port=link.port)
            zones.append(zone)
        running = await stack.enter_async_context(
            running_lab(
                Home(folder / "state", folder / "run"),
                msgspec.structs.replace(topology, zones=zones),
                environ={},
                deadline=time.monotonic() + START_S,
                reporter=Silent(),
            )
        )
        yield Lab(running=running, links=links)
