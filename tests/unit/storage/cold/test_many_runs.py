"""Entries opened together are what they are when opened one by one."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.cold.many_runs import open_runs
from storage.cold.name_codes import NameCodes
from storage.cold.pieces import pieces_of
from storage.cold.tail import EntryDamaged, OpenEntry, open_entry
from storage.model.runs import RunBatch
from storage.model.uplink import UplinkEntry
from tests.contract.event_readings import Event
from tests.contract.hot_readings import DAY, Run
from tests.contract.record_versions import a_day_of_traffic, entry, event_entry

SOUND = entry(
    Run(values=[1, 2, 3], meter_id="A"),
    Run(values=[4], meter_id="B", slot=95),
    Run(values=[5, 6], meter_id="B", day=DAY + 1),
    Run(values=[7], meter_id="B", register="1-0:2.8.0"),
    sequence=7,
    excluded=[1],
)
COLUMNS = {3: "<i4", 4: "u1", 5: "<i4", 6: "<i8", 7: "<i4", 8: "<i4", 9: "u1"}
"""The columns of an encoded batch by their places."""


def opened(one: UplinkEntry) -> OpenEntry | None:
    try:
        return open_entry(one)
    except EntryDamaged:
        return None


def taken_as_opened_one_by_one(entries: Sequence[UplinkEntry]) -> list[int]:
    """Places of the entries that were taken together, once what they hold has been compared."""
    meters, registers = NameCodes(), NameCodes()
    columns, taken, others = open_runs(entries, meters=meters, registers=registers)
    assert sorted([*taken, *others]) == list(range(len(entries)))
    meter_names, register_names = meters.names(), registers.names()
    run = reading = 0
    for at, count in zip(taken, columns.readings.tolist(), strict=True):
        alone = opened(entries[at])
        assert alone is not None
        assert isinstance(alone.batch, RunBatch)
        pieces, batch = pieces_of(alone.batch), alone.batch
        runs, readings = slice(run, run + batch.runs), slice(reading, reading + count)
        run, reading = runs.stop, readings.stop
        assert [meter_names[m] for m in columns.meter[runs]] == [
            batch.meters[m] for m in pieces.meter
        ]
        assert [register_names[r] for r in columns.register[runs]] == [
            batch.registers[r] for r in pieces.register
        ]
        for name in ("day", "interval_s", "slot", "length"):
            np.testing.assert_array_equal(getattr(columns, name)[runs], getattr(pieces, name))
        np.testing.assert_array_equal(columns.values[readings], batch.values)
        np.testing.assert_array_equal(columns.quality[readings], batch.quality)
        np.testing.assert_array_equal(columns.excluded[readings], alone.excluded)
    assert (run, reading) == (len(columns.meter), len(columns.values))
    return taken


@pytest.mark.parametrize("seed", range(5))
def test_a_day_of_traffic_is_taken_together(seed: int) -> None:
    traffic = a_day_of_traffic(seed)

    taken = taken_as_opened_one_by_one(traffic)

    of_runs = [at for at, one in enumerate(traffic) if isinstance(open_entry(one).batch, RunBatch)]
    assert taken == of_runs


def test_nothing_is_nothing() -> None:
    assert taken_as_opened_one_by_one([]) == []
    assert taken_as_opened_one_by_one([UplinkEntry("zone-3a", 1, b"", b"rubbish")]) == []


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(event_entry(Event(value=1), sequence=1), id="events"),
        pytest.param(UplinkEntry("zone-3a", 1, b"", SOUND.payload[:-1]), id="cut_short"),
        pytest.param(
            UplinkEntry("zone-3a", 1, b"\x01", entry(Run(values=[1] * 20), sequence=1).payload),
            id="a_bitmap_too_short",
        ),
        pytest.param(entry(Run(values=[1], meter_id=""), sequence=1), id="an_empty_name"),
        pytest.param(entry(Run(values=[1], meter_id="M\0"), sequence=1), id="a_name_with_nul"),
        pytest.param(entry(Run(values=[1], register="r" * 65), sequence=1), id="a_long_name"),
        pytest.param(entry(Run(values=[1], day=2_932_897), sequence=1), id="after_the_year_9999"),
        pytest.param(entry(Run(values=[1], quality=[200]), sequence=1), id="an_unknown_quality"),
        pytest.param(
            entry(Run(values=[1, 2]), Run(values=[3], slot=1), sequence=1), id="a_slot_twice"
        ),
        pytest.param(
            entry(Run(values=[1, 2]), Run(values=[3], slot=1), sequence=1, excluded=[1]),
            id="a_slot_twice_but_once_excluded",
        ),
    ],
)
def test_what_wants_a_closer_look_is_left_and_spoils_nothing(other: UplinkEntry) -> None:
    assert taken_as_opened_one_by_one([SOUND, other, SOUND]) == [0, 2]


@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(sorted(COLUMNS)),
            st.integers(0, 9),
            st.sampled_from([-1, 0, 1, 2, 59, 60, 96, 900, 2**31 - 1, DAY * 86_400, -(2**31)]),
        ),
        min_size=1,
        max_size=2,
    ),
    excluded=st.sampled_from([b"", b"\x01", b"\x7f", b"\xff\xff"]),
)
def test_whatever_is_changed_in_a_batch(
    changes: list[tuple[int, int, int]], excluded: bytes
) -> None:
    wire: list[Any] = msgspec.msgpack.decode(SOUND.payload)
    for column, place, value in changes:
        cells = np.frombuffer(wire[column], dtype=COLUMNS[column]).copy()
        cells[place % len(cells)] = np.array(value).astype(cells.dtype)
        wire[column] = cells.tobytes()
    changed = UplinkEntry("zone-3b", 8, excluded, msgspec.msgpack.encode(wire))

    taken = taken_as_opened_one_by_one([SOUND, changed, SOUND])

    assert {0, 2} <= set(taken)
