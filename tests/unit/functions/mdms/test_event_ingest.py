"""Lists and late clocks at the first hop: which readings become slots, and which events."""

import pytest

from functions.mdms.batch_forming import MAX_TURNS
from functions.mdms.reading_schema import SeriesAnswer
from storage.model.event_block import EventKey
from storage.model.events import EventBatch
from storage.model.meter import Meter
from storage.model.payload import decode_payload
from tests.unit.functions.mdms.bodies import (
    DAY,
    IMPORT,
    body,
    instant,
    list_body,
    meter,
    reading,
    run,
)
from tests.unit.functions.mdms.first_hop import Hop, counts, runs, runs_of

ON_TIME = "2026-01-01T00:15:00Z"
LATE = "2026-01-01T00:15:07Z"
AT_LATE = 907


@pytest.fixture
def hop() -> Hop:
    return Hop()


async def take(hop: Hop, content: bytes) -> SeriesAnswer:
    answer = await hop.ingest.take(content)
    assert isinstance(answer, SeriesAnswer)
    return answer


async def test_a_list_is_sorted_into_slots_late_intervals_and_register_reads(hop: Hop) -> None:
    answer = await take(
        hop,
        list_body(
            reading("A", 12, at=ON_TIME),
            reading("B", 7, at=LATE),
            reading("A", 81_250_400, at=ON_TIME, interval_s=0),
            reading("A", 11),
            interval_s=900,
        ),
    )

    assert runs_of(answer) == [(0, 4, "accepted", None)]
    assert counts(answer) == (4, 0, 0, 0)
    assert await hop.stored("A") == {0: 11, 1: 12}
    assert await hop.stored("B") == {}
    assert await hop.events("B", interval_s=900) == {AT_LATE: 7}
    assert await hop.events("A") == {900: 81_250_400}
    # One step of the store for each kind, and consecutive slots in one run.
    slots, events = (decode_payload(entry.payload) for entry in hop.store.uplink)
    assert (len(slots), len(events)) == (2, 2)
    assert not isinstance(slots, EventBatch)
    assert slots.runs == 1


async def test_without_a_length_a_reading_is_a_register_read(hop: Hop) -> None:
    answer = await take(hop, list_body(reading("A", 5, at=LATE), reading("B", 10**8 - 1)))

    assert counts(answer) == (2, 0, 0, 0)
    assert await hop.events("A") == {AT_LATE: 5}
    assert await hop.events("B") == {0: 10**8 - 1}


async def test_a_meter_whose_clock_is_late_keeps_its_own_instants(hop: Hop) -> None:
    answer = await hop.ingest.take(body(run("A", [1, 2], start=LATE), run("A", [3, 4])))

    assert counts(answer) == (4, 0, 0, 0)
    assert await hop.events("A", interval_s=900) == {AT_LATE: 1, AT_LATE + 900: 2}
    assert await hop.stored("A") == {0: 3, 1: 4}


async def test_late_intervals_over_midnight_are_in_two_days(hop: Hop) -> None:
    await hop.ingest.take(body(run("A", [1, 2], start="2026-01-01T23:50:00Z")))

    assert await hop.events("A", interval_s=900) == {85_800: 1}
    assert await hop.events("A", interval_s=900, day=DAY + 1) == {300: 2}


async def test_the_registers_of_many_meters_at_one_instant(hop: Hop) -> None:
    answer = await hop.ingest.take(
        body(instant(["A", "B"], [10, 20], interval_s=0), run("C", [1], interval_s=0))
    )

    # A run of register reads would all be at its start.
    assert runs(answer) == [[(0, 2, "accepted", None)], [(0, 1, "rejected", "interval-size")]]
    assert [await hop.events(name) for name in "ABC"] == [{0: 10}, {0: 20}, {}]


async def test_events_are_duplicate_and_corrected_like_slots(hop: Hop) -> None:
    first, second = list_body(reading("A", 5, at=LATE)), list_body(reading("A", 6, at=LATE))

    outcomes = [counts(await take(hop, content)) for content in (first, first, second, first)]

    assert outcomes == [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 1, 0, 0)]
    assert await hop.events("A") == {AT_LATE: 6}
    assert len(hop.store.uplink) == 2


async def test_an_estimated_read_does_not_replace_an_actual_one(hop: Hop) -> None:
    await take(hop, list_body(reading("A", 5)))

    answer = await take(hop, list_body(reading("A", 6, quality=8)))

    assert runs_of(answer) == [(0, 1, "accepted", "outranked")]
    assert await hop.events("A") == {0: 5}


async def test_an_event_named_twice_is_taken_in_order_up_to_the_bound(hop: Hop) -> None:
    values = range(MAX_TURNS + 2)
    answer = await take(hop, list_body(*(reading("A", value) for value in values)))

    assert runs_of(answer) == [
        (0, 1, "accepted", None),
        (1, MAX_TURNS - 1, "corrected", None),
        (MAX_TURNS, 2, "rejected", "repeated"),
    ]
    assert await hop.events("A") == {0: MAX_TURNS - 1}


async def test_bad_readings_of_a_list_are_named_and_the_good_ones_stored(hop: Hop) -> None:
    answer = await take(
        hop,
        list_body(
            reading("A", 1),
            reading("NOBODY", 1),
            reading("B", 1, register="1-0:2.8.0"),
            reading("B", 1, interval_s=1_800),
            reading("B", 1, at="2026-01-01T00:00:00.5Z"),
            reading("B", 10**8),
            reading("B", -1),
            reading("B", 2**31, interval_s=900),
            reading("B", 1, quality=3),
            reading("B", 1, at="2026-02-01T00:00:00Z"),
            reading("B", 1, at="2020-01-01T00:00:00Z"),
            reading("B", "1"),
            reading("B", 2**63),
            reading("B", 2, at="2026-01-31T00:05:00Z"),
        ),
    )

    assert runs_of(answer) == [
        (0, 1, "accepted", None),
        (1, 1, "rejected", "unknown-meter"),
        (2, 1, "rejected", "unknown-register"),
        (3, 1, "rejected", "interval-size"),
        (4, 1, "rejected", "sub-second"),
        (5, 1, "rejected", "beyond-dials"),
        (6, 1, "rejected", "negative-consumption"),
        (7, 1, "rejected", "value-range"),
        (8, 1, "rejected", "unknown-quality"),
        (9, 1, "rejected", "future"),
        (10, 1, "rejected", "stale"),
        (11, 1, "rejected", "malformed-reading"),
        (12, 1, "rejected", "value-range"),
        (13, 1, "accepted", None),
    ]
    malformed = answer.outcomes[11]
    assert malformed.detail == "Expected `int`, got `str` - at `$.readings[11].value`"
    assert await hop.events("A") == {0: 1}
    assert await hop.events("B") == {}


async def test_dials_are_the_meters_own(hop: Hop) -> None:
    hop.registry.meters |= {
        "SMALL": Meter(meter_id="SMALL", registers=(IMPORT,), interval_s=900, dials=4, version=2),
        "LARGE": Meter(meter_id="LARGE", registers=(IMPORT,), interval_s=900, dials=18, version=3),
    }
    answer = await take(
        hop,
        list_body(
            reading("SMALL", 9_999),
            reading("SMALL", 10_000, at=LATE),
            reading("LARGE", 10**18 - 1),
            reading("LARGE", 10**18, at=LATE),
        ),
    )

    assert [run[2:] for run in runs_of(answer)] == [
        ("accepted", None),
        ("rejected", "beyond-dials"),
        ("accepted", None),
        ("rejected", "beyond-dials"),
    ]


async def test_an_empty_list_is_answered_without_asking_the_store(hop: Hop) -> None:
    answer = await take(hop, list_body())

    assert (counts(answer), answer.outcomes) == ((0, 0, 0, 0), [])
    assert hop.store.uplink == []


async def test_more_events_than_one_step_of_the_store_may_hold(hop: Hop) -> None:
    names = [f"M{number}" for number in range(21_000)]
    hop.registry.meters |= {name: meter(name, version=2) for name in names}

    answer = await take(hop, list_body(*(reading(name, 1) for name in names)))

    assert counts(answer) == (21_000, 0, 0, 0)
    assert len(hop.store.uplink) == 2
    keys = [EventKey(name, IMPORT, DAY, 0) for name in names]
    assert len(await hop.store.read_events(keys)) == 21_000
