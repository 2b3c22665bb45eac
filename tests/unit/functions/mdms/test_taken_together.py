"""Bodies that arrive together: each is answered, and all is stored, as if they came in turn."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from functions.mdms.arrivals import Arrivals
from functions.mdms.merged_arrivals import merge_arrivals
from functions.mdms.reading_schema import ReadingsAnswer, SeriesAnswer
from functions.mdms.readings_body import read_body
from storage.ports import StoreFull
from tests.unit.functions.mdms.bodies import body, instant, list_body, reading, run
from tests.unit.functions.mdms.first_hop import Hop

GOOD_RUN = body(run("A", [10, 11, 12]))
GOOD_INSTANT = body(instant(["B", "C"], [7, 8]), instant(["A"], [9], at="2026-01-01T03:00:00Z"))
GOOD_LIST = list_body(
    reading("C", 4, interval_s=900, at="2026-01-02T00:00:00Z"), reading("A", 5_000)
)
BAD_PARTS = body(
    run("nobody", [1, 2]),
    run("B", [1, -2, "3"], start="2026-01-01T05:00:00Z"),
    run("C", [1], start=None),
)
OTHER_REGISTER = body(run("A", [1], register="1-0:2.8.0"), run("A", [3], quality=[8]))
NINE_TIMES = body(*(instant(["A"], [value], at="2026-01-01T06:00:00Z") for value in range(9)))
SIX_TIMES = body(*(instant(["A"], [value], at="2026-01-01T06:00:00Z") for value in range(90, 96)))
OVER_MIDNIGHT = body(run("B", [5] * 10, start="2026-01-01T23:00:00Z"))
EMPTY = body()

CASES = [
    pytest.param([GOOD_RUN, GOOD_INSTANT, GOOD_LIST, OVER_MIDNIGHT], id="nothing_in_common"),
    pytest.param([GOOD_RUN, BAD_PARTS, GOOD_LIST, EMPTY, GOOD_INSTANT], id="bad_beside_good"),
    pytest.param([GOOD_RUN, GOOD_RUN, GOOD_LIST, GOOD_LIST], id="each_twice"),
    pytest.param(
        [body(run("A", [1, 2])), body(run("A", [3, 2])), body(run("A", [1, 2]))],
        id="a_correction_and_the_old_body_again",
    ),
    pytest.param([GOOD_RUN, OTHER_REGISTER, GOOD_INSTANT], id="other_registers"),
    pytest.param([SIX_TIMES, SIX_TIMES, GOOD_RUN], id="a_slot_named_often_by_two"),
    pytest.param([NINE_TIMES, GOOD_RUN, SIX_TIMES], id="a_slot_named_too_often_by_one"),
]


async def in_turn(hop: Hop, bodies: Sequence[bytes]) -> list[ReadingsAnswer | SeriesAnswer]:
    return [await hop.ingest.take(one) for one in bodies]


async def at_once(hop: Hop, bodies: Sequence[bytes]) -> list[ReadingsAnswer | SeriesAnswer]:
    return await asyncio.wait_for(asyncio.gather(*map(hop.ingest.take, bodies)), 10)


async def held(hop: Hop) -> dict[tuple[str, int], dict[int, int]]:
    return {
        (meter, day): await hop.stored(meter, day) for meter in "ABC" for day in (20_454, 20_455)
    }


@pytest.mark.parametrize("bodies", CASES)
async def test_answers_and_facts_are_those_of_taking_them_in_turn(bodies: list[bytes]) -> None:
    together, apart = Hop(), Hop()

    assert await at_once(together, bodies) == await in_turn(apart, bodies)
    assert await held(together) == await held(apart)


async def test_a_malformed_body_fails_alone() -> None:
    hop = Hop()
    found = await asyncio.gather(
        hop.ingest.take(GOOD_RUN),
        hop.ingest.take(b"{"),
        hop.ingest.take(GOOD_INSTANT),
        return_exceptions=True,
    )

    assert [type(one).__name__ for one in found] == [
        "ReadingsAnswer",
        "MalformedBody",
        "ReadingsAnswer",
    ]


async def test_bodies_that_come_together_are_one_entry_of_the_uplink() -> None:
    hop = Hop()
    await at_once(hop, [GOOD_RUN, GOOD_INSTANT, OVER_MIDNIGHT])

    assert len(hop.store.uplink) == 1


async def test_a_full_store_is_said_to_each() -> None:
    hop = Hop(uplink_limit_bytes=10)
    found = await asyncio.gather(
        hop.ingest.take(GOOD_RUN), hop.ingest.take(GOOD_LIST), return_exceptions=True
    )

    assert [type(one) for one in found] == [StoreFull, StoreFull]
    assert not any((await held(hop)).values())


def readings_of(arrivals: Arrivals) -> list[tuple[str, str, int, int, int, int, int]]:
    run = arrivals.reading_run()
    names = [arrivals.meters[meter] for meter in arrivals.run_meter[run]]
    registers = [arrivals.registers[register] for register in arrivals.run_register[run]]
    columns = (
        arrivals.reading_start_s(run),
        arrivals.run_interval_s[run],
        arrivals.values,
        arrivals.quality,
        arrivals.fault,
    )
    return list(zip(names, registers, *(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("shared", [True, False], ids=["shared_meters", "no_meter_in_common"])
def test_merging_lays_readings_one_after_another(shared: bool) -> None:
    bodies = [GOOD_RUN, OTHER_REGISTER, BAD_PARTS, GOOD_LIST] if shared else [
        body(run("A", [1, 2])),
        body(instant(["B", "C"], [3, 4])),
    ]  # fmt: skip
    arrivals = [read_body(one, max_readings=100) for one in bodies]
    merged = merge_arrivals(arrivals)

    assert readings_of(merged) == [one for each in arrivals for one in readings_of(each)]
    assert merged.series_length.tolist() == [
        length for each in arrivals for length in each.series_length.tolist()
    ]
    assert len(set(merged.meters)) == len(merged.meters)
    assert len(set(merged.registers)) == len(merged.registers)


def test_one_alone_is_not_copied() -> None:
    arrivals = read_body(GOOD_RUN, max_readings=100)

    assert merge_arrivals([arrivals]) is arrivals
    assert np.shares_memory(merge_arrivals([arrivals]).values, arrivals.values)
