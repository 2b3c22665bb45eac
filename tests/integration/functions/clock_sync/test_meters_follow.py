"""Emulated meters with drifting clocks ask a real zone for the time, over a link with delay."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date

import numpy as np
import pytest
import uvicorn

from functions.clock_sync.app import build_app
from functions.clock_sync.machine_clock import SystemClock
from functions.runtime.config import WorkerConfig
from meter_emulator.clock_day import ClockDay, ClockRun
from meter_emulator.clock_exchange import ExchangeFailed, connected
from meter_emulator.deliveries import unix_midnight
from meter_emulator.fleet_clocks import fleet_clocks
from meter_emulator.meter_clocks import ClockPlan
from meter_emulator.wire import Address
from tests.integration.functions.clock_sync.slow_relay import slow_relay

MIDNIGHT_S = unix_midnight(date(2026, 1, 1))
METERS = 200
DRIFT_PPM = 100
HOURS = 6
LINKS = [
    pytest.param(0.004, 0.004, id="even_ways"),
    pytest.param(0.04, 0.0, id="all_delay_on_the_way_up"),
    pytest.param(0.0, 0.04, id="all_delay_on_the_way_down"),
]


def no_client(base_url: str) -> None:
    raise AssertionError("headquarters asks nobody")


@asynccontextmanager
async def headquarters(port: int) -> AsyncIterator[None]:
    """Serve zone 1's clock, which is this machine's, on a TCP port."""
    config = WorkerConfig(
        function="clock_sync",
        tenant="platform",
        zone="zone-1",
        tier=1,
        socket="",
        gateway_url="http://127.0.0.1:1",
        settings={"sntp_port": 0},
    )
    app = build_app(config, client=no_client, machine=SystemClock())  # type: ignore[arg-type]  # never called
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="on")
    )
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]  # the test's loop keeps its own
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:
            assert not serving.done()
            await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def clocks(*, sync_every_s: int) -> ClockRun:
    plan = ClockPlan(drift_ppm=DRIFT_PPM, sync_every_s=sync_every_s)
    return fleet_clocks(plan, meters=METERS, off=0.5, at_s=MIDNIGHT_S, seed=[3])


async def day(run: ClockRun, port: int) -> ClockDay:
    def wait() -> ClockDay:
        address = Address(host="127.0.0.1", port=port, tls=False)
        with connected(address, key="gf_any", answer_s=20) as exchange:
            return run.day(first_s=MIDNIGHT_S, interval_s=900, exchange=exchange)

    return await asyncio.to_thread(wait)


@pytest.mark.parametrize(("there_s", "back_s"), LINKS)
async def test_one_exchange_sets_clocks_within_half_of_its_measured_delay(
    stack: AsyncExitStack, unused_port: int, there_s: float, back_s: float
) -> None:
    await stack.enter_async_context(headquarters(unused_port))
    port = await stack.enter_async_context(slow_relay(unused_port, there_s=there_s, back_s=back_s))
    error_us = np.linspace(-120e6, 120e6, METERS)

    def measure() -> tuple[np.ndarray, np.ndarray]:
        address = Address(host="127.0.0.1", port=port, tls=False)
        with connected(address, key="gf_any", answer_s=20) as exchange:
            measured = exchange.measure(error_us, tolerance_ppm=0)
        return measured.offset_us, measured.distance_us

    offset_us, distance_us = await asyncio.to_thread(measure)

    assert (np.abs(error_us + offset_us) <= distance_us).all()
    assert (distance_us >= (there_s + back_s) / 2 * 1e6).all()


@pytest.mark.parametrize(("there_s", "back_s"), LINKS)
async def test_drifting_meters_converge_and_stay_within_the_stated_error(
    stack: AsyncExitStack, unused_port: int, there_s: float, back_s: float
) -> None:
    await stack.enter_async_context(headquarters(unused_port))
    port = await stack.enter_async_context(slow_relay(unused_port, there_s=there_s, back_s=back_s))
    with_time, alone = clocks(sync_every_s=HOURS * 3_600), clocks(sync_every_s=0)

    followed = await day(with_time, port)
    drifted = await day(alone, port)

    assert with_time.figures()["exchanges"] == 24 // HOURS
    # What the meters state is made of the delay that was measured and of the drift allowed.
    assert (np.abs(followed.error_us) <= followed.bound_us).all()
    assert (followed.bound_us < 9e6).all()
    assert not followed.doubtful[:, 1:].any()
    # The same clocks without the time are up to two minutes off, and drift on.
    assert (np.abs(drifted.error_us[:, -1]) > followed.bound_us[:, -1]).mean() > 0.5
    assert np.abs(drifted.error_us).max() > 60e6


async def test_a_zone_that_is_not_there_is_said_and_does_not_stop_the_meters(
    unused_port: int,
) -> None:
    run = clocks(sync_every_s=3_600)

    by_clock = await day(run, unused_port)

    assert run.figures()["failed"] == {"no-answer": 24}
    assert by_clock.doubtful.all()


async def test_a_question_that_is_refused_is_named(stack: AsyncExitStack, unused_port: int) -> None:
    await stack.enter_async_context(headquarters(unused_port))

    def ask() -> None:
        address = Address(host="127.0.0.1", port=unused_port, tls=False)
        with connected(address, key="gf_any", answer_s=20) as exchange:
            # Before 1970: no clock that a zone would answer.
            exchange.measure(np.array([-1e18]), tolerance_ppm=0)

    with pytest.raises(ExchangeFailed, match="malformed-body"):
        await asyncio.to_thread(ask)
