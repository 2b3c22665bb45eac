"""Times to look for gaps in: due when nothing comes any more, and after long all the same."""

import asyncio
import random

import pytest

from functions.mdms.held_validation import HeldValidation
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.vee.gap_looks import (
    LONGEST_WAIT,
    SWEEP,
    GapLooks,
    SeriesName,
    Span,
    read_series,
    read_span,
)
from functions.mdms.vee.turn import Turn
from tests.unit.functions.mdms.vee.memory_zone import MemoryZone

ONE = SeriesName("M/1", "1-0:1.8.0", 900)
OTHER = SeriesName("M2", "1-0:2.8.0", 3_600)


def worker(zone: MemoryZone) -> HeldValidation:
    metrics = MdmsMetrics(tenant="acme", zone="zone-2")
    return HeldValidation(zone, zone="zone-2", metrics=metrics, most_looks=5)


def note(looks: GapLooks, name: SeriesName, span: Span) -> None:
    looks.settled(done=(), held=looks.with_noted({name: span}, before={}))


def test_names_and_spans_are_read_back() -> None:
    for name in (ONE, OTHER):
        assert read_series(name.text) == name
    assert read_span(Span(3, 12_345_678).record) == Span(3, 12_345_678)


def test_a_series_is_due_when_a_sweep_has_passed_without_it() -> None:
    looks = GapLooks()
    note(looks, ONE, Span(10, 12))
    looks.sweep_begins()
    assert looks.due(most=10) == {}
    note(looks, OTHER, Span(1, 2))
    looks.sweep_begins()
    assert looks.due(most=10) == {ONE: Span(10, 12)}
    looks.settled(done=[ONE], held={})
    looks.sweep_begins()
    assert looks.due(most=10) == {OTHER: Span(1, 2)}


def test_what_goes_on_is_looked_at_after_long_with_all_that_was_noted() -> None:
    looks = GapLooks()
    for number in range(LONGEST_WAIT):
        note(looks, ONE, Span(100 - number, 100 + number))
        looks.sweep_begins()
        assert looks.due(most=10) == {}
    note(looks, ONE, Span(50, 50))
    looks.sweep_begins()
    assert looks.due(most=10) == {ONE: Span(50, 99 + LONGEST_WAIT)}


def test_no_more_are_due_than_a_turn_takes() -> None:
    looks = GapLooks()
    for number in range(5):
        looks.take_in(f"900:r/M{number}", b"1 2")
    looks.sweep_begins()
    looks.sweep_begins()
    first = looks.due(most=3)
    assert len(first) == 3
    looks.settled(done=first, held={})
    assert len(looks.due(most=3)) == 2


def test_so_many_are_known_as_there_is_room_for_and_more_is_wanted_when_half_is_gone() -> None:
    looks = GapLooks(most=4)
    taken = [looks.take_in(f"900:r/M{number}", b"1 2") for number in range(6)]
    assert taken == [True] * 4 + [False] * 2
    note(looks, ONE, Span(1, 1))
    assert (len(looks), looks.wants_more, looks.unknown([ONE])) == (4, False, [ONE])

    # So many wait that none of them is left to rest.
    due = looks.due(most=2)
    looks.settled(done=due, held={})
    assert (len(looks), looks.wants_more) == (2, True)
    looks.all_taken()
    assert (looks.wants_more, looks.unknown([ONE])) == (False, [])


def test_what_only_the_hash_knows_is_joined_with_what_is_noted() -> None:
    looks = GapLooks(most=0)

    found = looks.with_noted({ONE: Span(5, 6), OTHER: Span(1, 2)}, before={ONE.text: b"8 9"})

    assert found == {ONE: Span(5, 9), OTHER: Span(1, 2)}


@pytest.mark.parametrize("seed", range(5))
def test_every_time_that_was_noted_is_looked_at_however_few_are_known(seed: int) -> None:
    zone = MemoryZone()
    chance = random.Random(seed)
    noted: dict[SeriesName, Span] = {}

    async def turn(held: HeldValidation, new: dict[SeriesName, Span]) -> None:
        state = await held.state()
        assert len(held.looks) <= 5
        held.looks.sweep_begins()
        due = held.looks.due(most=3)
        for name, span in due.items():
            assert noted.pop(name) == span
        for name, span in new.items():
            noted[name] = span if name not in noted else noted[name].joined(span)
            if name in due:
                noted[name] = noted[name].joined(due[name])
        of_turn = Turn(zone.findings, held.holders, looks=new)
        assert await held.settle(
            of_turn, state, [], newest_s=0, looked=list(due), sweep_ends_s=chance.choice([0, 3_600])
        )
        assert zone.looks.keys() - {SWEEP} == {name.text for name in noted}

    async def carried_out() -> None:
        held = worker(zone)
        for _ in range(60):
            if chance.random() < 0.1:
                held = worker(zone)
            series = [SeriesName(f"M{chance.randrange(30)}", "r", 900) for _ in range(4)]
            at = chance.randrange(100)
            await turn(held, {name: Span(at, at + chance.randrange(5)) for name in series})
        for _ in range(200):
            await turn(held, {})

    asyncio.run(carried_out())

    assert not noted
