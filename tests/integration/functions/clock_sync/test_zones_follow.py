"""Zone 3 follows zone 2, which follows headquarters, over links with delay."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.integration.functions.clock_sync.clock_zone import (
    ClockZone,
    SlowLink,
    WrongMachine,
    open_clock_zone,
)
from tests.integration.functions.readings import eventually


def synchronised(zone: ClockZone, *, is_so: bool = True) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return bool((await zone.status())["synchronised"]) is is_so

    return check


@pytest.mark.parametrize(
    ("there_s", "back_s"),
    [
        pytest.param(0.005, 0.005, id="even_ways"),
        pytest.param(0.03, 0.0, id="all_delay_on_the_way_up"),
        pytest.param(0.0, 0.03, id="all_delay_on_the_way_down"),
    ],
)
async def test_every_zone_comes_within_the_distance_that_it_states(
    stack: AsyncExitStack, there_s: float, back_s: float
) -> None:
    top = await open_clock_zone(stack, name="zone-1", tier=1, machine=WrongMachine())
    fog = await open_clock_zone(
        stack,
        name="zone-2",
        tier=2,
        machine=WrongMachine(off_us=8_000_000, drift_ppm=150),
        link=SlowLink(top.transport, there_s, back_s),
    )
    edge = await open_clock_zone(
        stack,
        name="zone-3a",
        tier=3,
        machine=WrongMachine(off_us=-7_000_000, drift_ppm=-150),
        link=SlowLink(fog.transport, there_s, back_s),
    )
    await eventually(synchronised(edge))

    for zone in (top, fog, edge):
        error_us, bound_us = await zone.error_and_bound_us()
        assert error_us <= bound_us
    standings = [await zone.status() for zone in (top, fog, edge)]
    assert [one["stratum"] for one in standings] == [1, 2, 3]
    assert [one["reference"] for one in standings] == [None, "zone-1", "zone-2"]
    for one, machine in zip(standings[1:], (fog.machine, edge.machine), strict=True):
        bound_us = one["root_delay_us"] / 2 + one["root_dispersion_us"]
        # Far less than the clocks of these machines are off: the bound says something.
        assert bound_us < abs(machine.off_us) / 2
        assert abs(one["offset_us"] + machine.off_us) < bound_us + 150e-6 * 60e6
        assert one["delay_us"] >= (there_s + back_s) * 1e6
    assert standings[2]["root_delay_us"] >= standings[1]["root_delay_us"]


async def test_cut_off_a_zone_holds_on_until_it_no_longer_knows(stack: AsyncExitStack) -> None:
    top = await open_clock_zone(stack, name="zone-1", tier=1, machine=WrongMachine())
    link = SlowLink(top.transport)
    # So bad a clock that within seconds it may be off by more than is allowed.
    edge = await open_clock_zone(
        stack,
        name="zone-2",
        tier=2,
        machine=WrongMachine(off_us=5_000_000),
        link=link,
        tolerance_ppm=10_000,
        max_distance_s=0.05,
        poll_s=0.02,
    )
    await eventually(synchronised(edge))
    link.cut = True

    first = await edge.status()
    second = await edge.status()
    assert second["root_dispersion_us"] > first["root_dispersion_us"]
    await eventually(synchronised(edge, is_so=False))
    lost = await edge.status()
    assert lost["stratum"] == 16
    assert "the link is cut" in lost["last_error"]
    assert lost["offset_us"] == pytest.approx(-5_000_000, abs=100_000)
    exposed = (await edge.client.get("/metrics")).text
    assert 'gridfaas_clock_synchronised{zone="zone-2"} 0.0' in exposed
    assert 'gridfaas_clock_polls_total{outcome="unreachable",zone="zone-2"}' in exposed

    link.cut = False
    await eventually(synchronised(edge))
    assert (await edge.status())["last_error"] is None


async def test_cut_off_the_next_worker_goes_on_with_the_time(
    stack: AsyncExitStack, tmp_path: Path
) -> None:
    top = await open_clock_zone(stack, name="zone-1", tier=1, machine=WrongMachine())
    machine = WrongMachine(off_us=-3_000_000)
    link = SlowLink(top.transport, 0.01, 0.01)
    async with AsyncExitStack() as first_life:
        edge = await open_clock_zone(
            first_life,
            name="zone-2",
            tier=2,
            machine=machine,
            link=link,
            state_dir=str(tmp_path),
        )
        await eventually(synchronised(edge))

        async def written() -> bool:
            return (tmp_path / "time.json").exists()

        await eventually(written)
    link.cut = True

    edge = await open_clock_zone(
        stack, name="zone-2", tier=2, machine=machine, link=link, state_dir=str(tmp_path)
    )

    assert (await edge.status())["stratum"] == 2
    error_us, bound_us = await edge.error_and_bound_us()
    assert error_us <= bound_us < 1_000_000


async def test_a_parent_that_does_not_know_the_time_is_not_followed(stack: AsyncExitStack) -> None:
    top = await open_clock_zone(stack, name="zone-1", tier=1, machine=WrongMachine())
    link = SlowLink(top.transport, cut=True)
    fog = await open_clock_zone(
        stack, name="zone-2", tier=2, machine=WrongMachine(off_us=1), link=link
    )
    edge = await open_clock_zone(
        stack, name="zone-3a", tier=3, machine=WrongMachine(), link=SlowLink(fog.transport)
    )

    async def refused() -> bool:
        return "does not know the time" in ((await edge.status())["last_error"] or "")

    await eventually(refused)
    assert (await edge.status())["stratum"] == 16
    link.cut = False
    await eventually(synchronised(edge))


async def test_a_clock_set_at_headquarters_is_followed(stack: AsyncExitStack) -> None:
    top = await open_clock_zone(stack, name="zone-1", tier=1, machine=WrongMachine())
    edge = await open_clock_zone(
        stack, name="zone-2", tier=2, machine=WrongMachine(), link=SlowLink(top.transport)
    )
    await eventually(synchronised(edge))

    top.machine.off_us = 60_000_000

    async def followed() -> bool:
        return abs((await edge.status())["offset_us"] - 60_000_000) < 1_000_000

    await eventually(followed)


async def test_many_meters_are_answered_at_once(stack: AsyncExitStack) -> None:
    top = await open_clock_zone(
        stack, name="zone-1", tier=1, machine=WrongMachine(), exchange_meters=3
    )
    path = "/v1/clock_sync/exchange"

    answered = await top.client.post(path, json={"t1_us": [5, 6, 7]})
    too_many = await top.client.post(path, json={"t1_us": [5, 6, 7, 8]})

    assert answered.json()["t1_us"] == [5, 6, 7]
    assert answered.json()["t3_us"] >= answered.json()["t2_us"]
    assert (too_many.status_code, too_many.json()["type"]) == (
        413,
        "urn:gridfaas:problem:body-too-large",
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[1]", b'{"t1_us": "now"}', b'{"t1_us": -1}', b'{"t1_us": 1, "t2_us": 1}'],
    ids=["nothing", "no_t1", "a_list", "in_words", "before_1970", "unknown_field"],
)
async def test_a_malformed_question_is_a_problem(stack: AsyncExitStack, body: bytes) -> None:
    top = await open_clock_zone(stack, name="zone-1", tier=1, machine=WrongMachine())

    refused = await top.client.post("/v1/clock_sync/exchange", content=body)

    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:gridfaas:problem:malformed-body"
