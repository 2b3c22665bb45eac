"""How a meter's interval length changes: from when on, what is kept, what would overlap."""

import msgspec
import pytest

from storage.model.interval_lengths import (
    DAY_S,
    UNSAID,
    LengthRefused,
    length_periods,
    lengths_in,
    settled,
    superseded,
)
from storage.model.meter import EarlierLength, Meter

NOW = 20_000 * DAY_S + 5_000
MIDNIGHT = 20_001 * DAY_S


def form(interval_s: int, *, since_s: int = UNSAID) -> Meter:
    return Meter(
        meter_id="A", registers=("1-0:1.8.0",), interval_s=interval_s, interval_since_s=since_s
    )


def changed(*steps: tuple[int, int]) -> Meter:
    meter = settled(None, form(900), now_s=NOW)
    for interval_s, since_s in steps:
        meter = settled(meter, form(interval_s, since_s=since_s), now_s=NOW)
    return meter


def periods(meter: Meter) -> list[tuple[int, int | None, int]]:
    return [(one.begin_s, one.end_s, one.interval_s) for one in length_periods(meter)]


def test_the_first_length_holds_from_ever_on() -> None:
    assert periods(settled(None, form(900, since_s=MIDNIGHT), now_s=NOW)) == [(0, None, 900)]


def test_another_length_holds_from_the_next_midnight_unless_it_is_said() -> None:
    assert periods(changed((1_800, UNSAID))) == [(0, MIDNIGHT, 900), (MIDNIGHT, None, 1_800)]
    noon = MIDNIGHT + DAY_S // 2
    assert periods(changed((1_800, noon))) == [(0, noon, 900), (noon, None, 1_800)]


def test_the_same_length_again_changes_nothing() -> None:
    once = changed((1_800, MIDNIGHT))

    assert settled(once, form(1_800), now_s=NOW + 9 * DAY_S) == once
    assert settled(once, form(1_800, since_s=MIDNIGHT), now_s=NOW) == once


def test_what_was_to_hold_later_is_forgotten() -> None:
    third = changed((1_800, MIDNIGHT), (3_600, MIDNIGHT + DAY_S), (300, MIDNIGHT + DAY_S))

    assert periods(third) == [
        (0, MIDNIGHT, 900),
        (MIDNIGHT, MIDNIGHT + DAY_S, 1_800),
        (MIDNIGHT + DAY_S, None, 300),
    ]
    assert periods(changed((1_800, MIDNIGHT), (900, MIDNIGHT))) == [(0, None, 900)]
    assert periods(changed((1_800, MIDNIGHT), (1_800, 0))) == [(0, None, 1_800)]


@pytest.mark.parametrize("since_s", [MIDNIGHT + 900, MIDNIGHT + 60])
def test_a_change_is_on_the_grid_of_both_lengths(since_s: int) -> None:
    with pytest.raises(LengthRefused, match="interval_since"):
        changed((1_800, since_s))


def test_only_the_lengths_of_a_period_are_asked_for() -> None:
    meter = changed((1_800, MIDNIGHT), (300, MIDNIGHT + DAY_S))

    assert lengths_in(meter, begin_s=0, end_s=MIDNIGHT) == (900,)
    assert lengths_in(meter, begin_s=MIDNIGHT - 1, end_s=MIDNIGHT + 1) == (900, 1_800)
    assert lengths_in(meter, begin_s=MIDNIGHT + DAY_S, end_s=MIDNIGHT + 2 * DAY_S) == (300,)


def test_a_change_supersedes_the_old_length_from_then_on() -> None:
    held = changed((1_800, MIDNIGHT))
    noon = MIDNIGHT + DAY_S // 2
    found = superseded(held, settled(held, form(900, since_s=noon), now_s=NOW))

    assert [(one.begin_s, one.end_s, one.interval_s) for one in found] == [(noon, None, 1_800)]
    assert superseded(held, held) == []


def test_a_meter_written_before_lengths_could_change_is_read() -> None:
    old = msgspec.msgpack.encode({"meter_id": "A", "registers": ["1-0:1.8.0"], "interval_s": 900})

    assert periods(msgspec.msgpack.decode(old, type=Meter)) == [(0, None, 900)]
    with_past = msgspec.structs.replace(form(900), earlier=(EarlierLength(5, 60),))
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(with_past), type=Meter)
    assert again == with_past
