"""Zones' clock_sync workers on machines with wrong clocks, over links with delay."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx

from functions.clock_sync.app import build_app
from functions.runtime.config import WorkerConfig
from tests.integration.functions.zone import lifespan

QUICK = {"first_poll_s": 0.02, "poll_s": 0.05, "tolerance_ppm": 200, "sntp_port": 0}


def true_us() -> int:
    """The time that all clocks here are wrong against."""
    return time.monotonic_ns() // 1000 + 1_767_225_600_000_000


@dataclass(slots=True)
class WrongMachine:
    """A machine whose clocks are off and drift."""

    off_us: int = 0
    drift_ppm: float = 0.0
    began_us: int = field(default_factory=true_us)

    def steady_us(self) -> int:
        """The steady clock, as wrong as the other."""
        now_us = true_us()
        return now_us + self.off_us + round((now_us - self.began_us) * self.drift_ppm / 1e6)

    def boot(self) -> str:
        """The machine's start."""
        return f"started at {self.began_us}"

    def wall_us(self) -> int:
        """The system clock."""
        return self.steady_us()


@dataclass(slots=True)
class SlowLink(httpx.AsyncBaseTransport):
    """A link with a delay each way; cut, nothing gets through."""

    parent: httpx.AsyncBaseTransport
    there_s: float = 0.0
    back_s: float = 0.0
    cut: bool = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a question to the parent, and its answer back."""
        if self.cut:
            raise httpx.ConnectError("the link is cut")
        await asyncio.sleep(self.there_s)
        answer = await self.parent.handle_async_request(request)
        await asyncio.sleep(self.back_s)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockZone:
    """An open zone, its machine, and a client that asks it."""

    name: str
    machine: WrongMachine
    transport: httpx.AsyncBaseTransport
    client: httpx.AsyncClient

    async def status(self) -> dict[str, Any]:
        """Ask for its standing."""
        answer = await self.client.get("/v1/clock_sync/status")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def error_and_bound_us(self) -> tuple[float, float]:
        """Return how far its time is from the true one, at least, and how far it says at most.

        The true time of its timestamp lies between asking and being answered.
        """
        before_us = true_us()
        answer = await self.client.post("/v1/clock_sync/exchange", json={"t1_us": before_us})
        after_us = true_us()
        told = answer.json()
        assert told["synchronised"], told
        error_us = max(before_us - told["t2_us"], told["t2_us"] - after_us, 0)
        return error_us, told["root_delay_us"] / 2 + told["root_dispersion_us"]


async def open_clock_zone(
    stack: AsyncExitStack,
    *,
    name: str,
    tier: int,
    machine: WrongMachine,
    link: httpx.AsyncBaseTransport | None = None,
    state_dir: str | None = None,
    **settings: Any,
) -> ClockZone:
    """Start a zone's worker; it stops with `stack`."""
    config = WorkerConfig(
        function="clock_sync",
        app="functions.clock_sync.app:create_app",
        tenant="platform",
        zone=name,
        tier=tier,
        socket="",
        gateway_url="http://127.0.0.1:1",
        parent_url=None if link is None else "http://parent",
        zone_credential=None if link is None else name,
        state_dir=state_dir,
        settings=QUICK | settings,
    )

    def client(base_url: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=link, base_url=base_url)

    app = build_app(config, client=client, machine=machine)
    await stack.enter_async_context(lifespan(app))
    transport = httpx.ASGITransport(app)
    asking = httpx.AsyncClient(transport=transport, base_url=f"http://{name}")
    await stack.enter_async_context(asking)
    return ClockZone(name=name, machine=machine, transport=transport, client=asking)
