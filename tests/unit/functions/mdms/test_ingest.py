"""The whole first hop over a store in memory: what a client is told and what is stored."""

import pytest

from functions.mdms.reading_schema import OutcomeRun, ReadingsAnswer
from functions.mdms.readings_body import MalformedBody
from storage.ports import StoreFull
from tests.unit.functions.mdms.bodies import DAY, body, instant, meter, run
from tests.unit.functions.mdms.first_hop import Hop, counts, runs


@pytest.fixture
def hop() -> Hop:
    return Hop()


async def test_a_run_is_stored_slot_by_slot(hop: Hop) -> None:
    answer = await hop.ingest.take(body(run("A", [10, 11, 12])))

    assert counts(answer) == (3, 0, 0, 0)
    assert isinstance(answer, ReadingsAnswer)
    assert answer.series[0].outcomes == [OutcomeRun(first=0, count=3, outcome="accepted")]
    assert await hop.stored("A") == {0: 10, 1: 11, 2: 12}


async def test_an_instant_is_stored_meter_by_meter(hop: Hop) -> None:
    answer = await hop.ingest.take(
        body(instant(["C", "A", "B"], [3, 1, 2], at="2026-01-01T00:45:00Z"))
    )

    assert counts(answer) == (3, 0, 0, 0)
    assert [await hop.stored(name) for name in "ABC"] == [{3: 1}, {3: 2}, {3: 3}]


async def test_a_run_over_midnight_fills_two_days(hop: Hop) -> None:
    answer = await hop.ingest.take(body(run("A", [1, 2, 3], start="2026-01-01T23:30:00Z")))

    assert runs(answer) == [[(0, 3, "accepted", None)]]
    assert await hop.stored("A") == {94: 1, 95: 2}
    assert await hop.stored("A", DAY + 1) == {0: 3}


async def test_the_same_body_again_is_duplicate_and_not_queued_again(hop: Hop) -> None:
    content = body(run("A", [1, 2]), run("B", [3]))
    await hop.ingest.take(content)
    queued = len(hop.store.uplink)

    answer = await hop.ingest.take(content)

    assert counts(answer) == (0, 3, 0, 0)
    assert len(hop.store.uplink) == queued


async def test_another_value_corrects_and_the_old_body_does_not_undo_it(hop: Hop) -> None:
    await hop.ingest.take(body(run("A", [1, 2])))

    corrected = await hop.ingest.take(body(run("A", [1, 9])))
    resent = await hop.ingest.take(body(run("A", [1, 2])))

    assert runs(corrected) == [[(0, 1, "duplicate", None), (1, 1, "corrected", None)]]
    assert counts(resent) == (0, 2, 0, 0)
    assert await hop.stored("A") == {0: 1, 1: 9}


async def test_an_estimate_does_not_replace_an_actual_value(hop: Hop) -> None:
    await hop.ingest.take(body(run("A", [5])))

    answer = await hop.ingest.take(body(run("A", [6], quality=8)))

    assert runs(answer) == [[(0, 1, "accepted", "outranked")]]
    assert await hop.stored("A") == {0: 5}


async def test_bad_readings_are_named_and_the_good_ones_of_the_body_stored(hop: Hop) -> None:
    answer = await hop.ingest.take(
        body(
            run("A", [1, -2, 3, 2**31, "x"]),
            run("NOBODY", [1]),
            run("B", [1], register="1-0:2.8.0"),
            run("B", [1], interval_s=1_800),
            run("B", [1], start="2026-01-01T00:00:07Z"),
            run("B", [1], start="2026-01-30T23:45:00Z"),
            run("B", [1], start="2026-02-01T00:00:00Z"),
            run("B", [1], start="2020-01-01T00:00:00Z"),
            run("B", [1, 2], quality=[0, 3]),
            run("B", [1], start="soon"),
        )
    )

    assert runs(answer) == [
        [
            (0, 1, "accepted", None),
            (1, 1, "rejected", "negative-consumption"),
            (2, 1, "accepted", None),
            (3, 1, "rejected", "value-range"),
            (4, 1, "rejected", "wrong-type"),
        ],
        [(0, 1, "rejected", "unknown-meter")],
        [(0, 1, "rejected", "unknown-register")],
        [(0, 1, "rejected", "interval-size")],
        [(0, 1, "accepted", None)],
        [(0, 1, "accepted", None)],
        [(0, 1, "rejected", "future")],
        [(0, 1, "rejected", "stale")],
        [(0, 1, "accepted", None), (1, 1, "rejected", "unknown-quality")],
        [(0, 1, "rejected", "malformed-series")],
    ]
    assert counts(answer) == (5, 0, 0, 10)
    assert await hop.stored("A") == {0: 1, 2: 3}


async def test_a_slot_named_twice_in_one_body_is_taken_in_order(hop: Hop) -> None:
    answer = await hop.ingest.take(body(run("A", [1]), run("A", [1]), instant(["A"], [2])))

    assert runs(answer) == [
        [(0, 1, "accepted", None)],
        [(0, 1, "duplicate", None)],
        [(0, 1, "corrected", None)],
    ]
    assert await hop.stored("A") == {0: 2}


async def test_a_slot_named_too_often_is_rejected_beyond_the_bound(hop: Hop) -> None:
    answer = await hop.ingest.take(body(instant(["A"] * 10, list(range(10)))))

    assert runs(answer) == [
        [(0, 1, "accepted", None), (1, 7, "corrected", None), (8, 2, "rejected", "repeated")]
    ]


async def test_more_readings_than_one_step_of_the_store_may_hold(hop: Hop) -> None:
    names = [f"M{number}" for number in range(250)]
    hop.registry.meters |= {name: meter(name, version=2) for name in names}

    answer = await hop.ingest.take(body(*(run(name, list(range(96))) for name in names)))

    assert counts(answer) == (24_000, 0, 0, 0)
    assert len(hop.store.uplink) == 2
    assert await hop.stored("M249") == {slot: slot for slot in range(96)}


async def test_an_empty_body_is_answered_without_asking_the_store(hop: Hop) -> None:
    answer = await hop.ingest.take(body(run("A", [])))

    assert runs(answer) == [[]]
    assert hop.store.uplink == []


async def test_a_meter_registered_a_moment_ago_is_found_before_it_is_refused(hop: Hop) -> None:
    await hop.ingest.take(body(run("A", [1])))
    hop.registry.meters["NEW"] = meter("NEW", version=2)
    hop.now += 0.1

    answer = await hop.ingest.take(body(run("NEW", [1])))

    assert counts(answer) == (1, 0, 0, 0)


async def test_unknown_meters_ask_the_registry_at_a_bounded_rate(hop: Hop) -> None:
    await hop.ingest.take(body(run("NOBODY", [1])))
    before = hop.registry.asked

    for _ in range(100):
        await hop.ingest.take(body(run("NOBODY", [1])))

    assert hop.registry.asked == before


async def test_a_full_store_is_said_and_nothing_is_stored() -> None:
    hop = Hop(uplink_limit_bytes=10)

    with pytest.raises(StoreFull):
        await hop.ingest.take(body(run("A", [1])))

    assert await hop.stored("A") == {}


async def test_a_malformed_body_is_refused(hop: Hop) -> None:
    with pytest.raises(MalformedBody):
        await hop.ingest.take(b"{")
