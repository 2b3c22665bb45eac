"""Whatever order, number and pieces readings come in, and wherever a turn ends: same findings."""

import asyncio

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.mdms.vee.gap_check import GapCheck
from functions.mdms.vee.gaps import expected
from functions.mdms.vee.held_findings import read_name, read_runs
from functions.mdms.vee.rule import Stretch
from functions.mdms.vee.rule_group import read_rule
from storage.model.rule_groups import RuleGroup, RuleSetting
from storage.ports import StoreUnavailable
from tests.unit.functions.mdms.vee.memory_zone import DAY, HOUR_S, MemoryZone

METERS = ("A", "B", "C")
HOURS = 60
RULES = {
    "missing-interval": {"grace_s": 2 * HOUR_S, "within_days": 1},
    "high-low": {"high_w": 5_000},
    "interval-spike": {"reach": 2},
    "zero-consumption": {"hours": 20},
    "identical-intervals": {"count": 4},
    "negative-interval": {},
}
GROUP = RuleGroup(
    group="all",
    version=1,
    rules=tuple(RuleSetting(rule=name, parameters=said) for name, said in RULES.items()),
)
VALUES = st.sampled_from([0, 0, 0, 0, -1, 100, 100, 120, 900, 9_000])
Readings = dict[tuple[str, int], int]
READINGS = st.dictionaries(
    st.tuples(st.sampled_from(METERS), st.integers(0, HOURS - 1)), VALUES, max_size=90
)


def held(zone: MemoryZone) -> dict[tuple[str, int, int, str], int]:
    """Findings that the zone holds: number of slots by meter, day, first slot and rule."""
    found = {}
    for text, record in zone.held.items():
        name = read_name(text)
        for run in read_runs(record):
            found[name.meter_id, name.day, run.first, run.rule] = run.count
    return found


def by_hand(readings: Readings) -> dict[tuple[str, int, int, str], int]:
    """The same from all values at once: every rule over the whole time."""
    shape = (len(METERS), HOURS + 48)
    energy, present = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
    for (meter, hour), value in readings.items():
        at = METERS.index(meter), hour + 24
        energy[at], present[at] = value, True
    newest = max((hour for _, hour in readings), default=-1)
    waited = expected(present, within=24, last=24 + newest - 2)
    stretch = Stretch(
        energy_wh=energy,
        present=present,
        interval_s=HOUR_S,
        active=np.ones(len(METERS), dtype=np.bool_),
        estimated=np.zeros(shape, dtype=np.bool_),
        expected=waited,
    )
    found: dict[tuple[str, int, int, str], int] = {}
    for name, said in RULES.items():
        for suspects in read_rule(name, said).suspects(stretch):
            for row, meter in enumerate(METERS):
                start: tuple[str, int, int, str] | None = None
                for at in range(shape[1]):
                    hour = at - 24
                    if not suspects.mask[row, at]:
                        start = None
                        continue
                    if start is None or hour % 24 == 0:
                        start = meter, DAY + hour // 24, hour % 24, name
                        found[start] = 0
                    found[start] += 1
    return found


async def carried_out(zone: MemoryZone, pieces: list[Readings], data: st.DataObject) -> None:
    """Relay the pieces one by one, with turns, lost calls, lost answers and new workers between."""
    validator = zone.validator(GROUP)
    for piece in [*pieces, {}, {}]:
        zone.relay(piece)
        what = data.draw(st.sampled_from(["turn", "nothing", "lose", "lose_answer", "new_worker"]))
        if what == "new_worker":
            validator = zone.validator(GROUP)
        if what == "nothing":
            continue
        zone.lose_calls, zone.lose_answers = what == "lose", what == "lose_answer"
        try:
            await validator.turn()
        except StoreUnavailable:
            assert what in ("lose", "lose_answer")
        zone.lose_calls = zone.lose_answers = False
    while await validator.turn():
        pass
    # A worker that never knew of the last values still looks for gaps up to them.
    assert not zone.entries


@settings(max_examples=120, deadline=None)
@given(readings=READINGS, data=st.data())
def test_findings_are_those_of_the_values_however_they_came(
    readings: Readings, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(sorted(readings)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=5)))
    again = data.draw(st.lists(st.sampled_from(order), max_size=5)) if order else []
    pieces = [
        {one: readings[one] for one in order[begin:end]}
        for begin, end in zip([0, *cuts], [*cuts, len(order)], strict=True)
    ]
    pieces.insert(data.draw(st.integers(0, len(pieces))), {one: readings[one] for one in again})
    zone = MemoryZone(*METERS)
    zone.swept_a_turn = data.draw(st.sampled_from([0, 1, 2]))
    asyncio.run(carried_out(zone, pieces, data))

    assert held(zone) == by_hand(readings)
    assert zone.exceptions() == held(zone)


@settings(max_examples=60, deadline=None)
@given(first=READINGS, second=READINGS, data=st.data())
def test_other_values_leave_the_findings_of_what_counts_then(
    first: Readings, second: Readings, data: st.DataObject
) -> None:
    zone = MemoryZone(*METERS)
    zone.swept_a_turn = data.draw(st.sampled_from([0, 1, 2]))
    asyncio.run(carried_out(zone, [first, second], data))

    assert held(zone) == by_hand(first | second)
    assert zone.exceptions() == held(zone)


def test_a_gap_rule_is_among_those_that_are_tried() -> None:
    assert isinstance(read_rule("missing-interval", RULES["missing-interval"]), GapCheck)
    readings = {("A", 0): 100} | {("B", hour): 100 + hour for hour in range(10)}
    found = by_hand(readings)
    assert found["A", DAY, 1, "missing-interval"] == 7


def test_what_was_dropped_here_is_no_gap() -> None:
    zone = MemoryZone(*METERS)
    zone.dropped = DAY

    async def carried_out() -> None:
        validator = zone.validator(GROUP)
        zone.relay({("A", 3): 100} | {("B", hour): 100 + hour for hour in range(20, 32)})
        while await validator.turn():
            pass

    asyncio.run(carried_out())

    # Of the first day others may be with the record; on the second A is waited for.
    assert held(zone) == {("A", DAY + 1, 0, "missing-interval"): 4}


def test_filling_in_a_past_day_by_day_tells_of_the_gap_that_is_left_only() -> None:
    zone = MemoryZone(*METERS)

    async def carried_out() -> None:
        validator = zone.validator(GROUP)
        zone.relay({("B", 47): 100})
        await validator.turn()
        for day in range(3):
            zone.relay({("A", day * 12 + hour): 100 + hour for hour in range(12)})
            await validator.turn()
        while await validator.turn():
            pass

    asyncio.run(carried_out())

    missing = {at: count for at, count in held(zone).items() if at[-1] == "missing-interval"}
    assert missing == {("A", DAY + 1, 12, "missing-interval"): 10}
    assert [len(batch.withdrawn) for batch in zone.told] == [0]
