import numpy as np
import pytest

from storage.cold.gather import gather_events, gather_runs
from storage.cold.pieces import narrow
from storage.cold.tail import EntryDamaged, TailDamaged, open_entry, seal, unseal
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.runs import RunBatch
from storage.model.uplink import UplinkEntry
from tests.contract.event_readings import Event
from tests.contract.hot_readings import DAY, REGISTER, Run, batch_of
from tests.contract.record_versions import a_day_of_traffic, entry, event_entry, readings


def renamed(names: list[str], *runs: Run) -> UplinkEntry:
    """An entry whose meters are called `names`, as no honest edge would."""
    batch = batch_of(*runs)
    columns = {name: getattr(batch, name) for name in RunBatch.__slots__}
    return UplinkEntry("zone-3a", 1, b"", RunBatch(**(columns | {"meters": names})).encode())


def test_a_row_knows_what_it_holds_and_gives_it_back() -> None:
    damaged = UplinkEntry("zone-3a", 6, b"", b"rubbish")
    entries = [
        entry(Run(values=[1, 2], day=DAY + 2), sequence=5, excluded=[0]),
        damaged,
        entry(Run(values=[3]), Run(values=[4], day=DAY + 1), sequence=9),
    ]

    row = seal(entries)

    assert (row.edge, row.first_sequence, row.last_sequence) == ("zone-3a", 5, 9)
    assert (row.first_day, row.last_day) == (DAY, DAY + 2)
    assert (row.entries, row.readings) == (3, 3)
    assert unseal(row.body) == entries
    with pytest.raises(TailDamaged):
        unseal(row.body[:-1])


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(renamed([""], Run(values=[1])), id="an_empty_name"),
        pytest.param(renamed(["M" * 65], Run(values=[1])), id="a_long_name"),
        pytest.param(renamed(["M\0"], Run(values=[1])), id="a_name_with_nul"),
        pytest.param(entry(Run(values=[1], day=2_932_897), sequence=1), id="after_the_year_9999"),
        pytest.param(
            entry(Run(values=[1, 2], quality=[0, 200]), sequence=1), id="a_quality_of_tomorrow"
        ),
        pytest.param(event_entry(Event(value=1, quality=200), sequence=1), id="an_events_quality"),
        pytest.param(
            entry(Run(values=[1, 2, 3]), Run(values=[4], slot=2), sequence=1), id="overlapping_runs"
        ),
        pytest.param(
            renamed(["M-1", "M-1"], Run(values=[1]), Run(values=[2], meter_id="M-2")),
            id="one_meter_under_two_numbers",
        ),
    ],
)
def test_what_blocks_cannot_take_is_refused(damaged: UplinkEntry) -> None:
    with pytest.raises(EntryDamaged):
        open_entry(damaged)


@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(entry(Run(values=[1], day=2_932_896), sequence=1), id="the_last_day"),
        pytest.param(
            entry(Run(values=[1] * 3), Run(values=[4], slot=3), sequence=1), id="touching"
        ),
        pytest.param(
            entry(Run(values=[1] * 2), Run(values=[4], interval_s=1800), sequence=1),
            id="another_interval_length",
        ),
        pytest.param(
            entry(Run(values=[1]), Run(values=[4], register="1-0:2.8.0"), sequence=1),
            id="another_register",
        ),
        pytest.param(
            entry(Run(values=[1, 2]), Run(values=[3], slot=1), sequence=1, excluded=[1]),
            id="one_of_two_excluded",
        ),
    ],
)
def test_what_blocks_can_take_is_opened(sound: UplinkEntry) -> None:
    assert open_entry(sound).sequence == sound.sequence


@pytest.mark.parametrize("seed", range(5))
def test_gathering_keeps_every_reading_in_its_slot(seed: int) -> None:
    entries = a_day_of_traffic(seed)
    opened = [open_entry(each) for each in entries]

    found = []
    runs, events = gather_runs(opened), gather_events(opened)
    chunks = [(gathered, *chunk) for gathered in (runs, events) for chunk in gathered.chunks()]
    for gathered, keys, versions in chunks:
        slots = keys[0].slots
        assert {key.slots for key in keys} == {slots}
        for slot, value, quality, sequence, edge in zip(
            versions.slot.tolist(),
            versions.value.tolist(),
            versions.quality.tolist(),
            versions.sequence.tolist(),
            versions.edge.tolist(),
            strict=True,
        ):
            name = gathered.edges[edge]
            found.append((keys[slot // slots], slot % slots, value, quality, sequence, name))
    want = [(*reading, each.sequence, each.edge) for each in entries for reading in readings(each)]
    assert sorted(found, key=repr) == sorted(want, key=repr)


def test_chunks_are_bounded_and_of_one_length() -> None:
    runs = [
        Run(values=[meter], meter_id=f"M-{meter}", interval_s=interval_s)
        for meter in range(250)
        for interval_s in (60, 86_400)
    ]
    chunks = list(gather_runs([open_entry(entry(*runs, sequence=1))]).chunks())

    assert len(chunks) > 2
    assert all(len(keys) * keys[0].slots <= 1 << 18 for keys, _ in chunks)
    assert sum(len(keys) for keys, _ in chunks) == sum(len(v) for _, v in chunks) == 500


def test_narrowing_leaves_what_a_reader_asked_for() -> None:
    opened = open_entry(
        entry(
            Run(values=[1, 2]),
            Run(values=[3, 4], meter_id="M-2"),
            Run(values=[5], meter_id="M-2", day=DAY + 1),
            sequence=1,
            excluded=[2],
        )
    )
    narrowed = narrow(opened, meters=frozenset({"M-2"}), first_day=DAY, last_day=DAY)

    assert narrowed is not None
    gathered = gather_runs([narrowed])
    assert gathered.keys == [BlockKey("M-2", REGISTER, DAY, 900)]
    assert gathered.versions.value.tolist() == [4]
    assert gathered.versions.slot.tolist() == [1]
    np.testing.assert_array_equal(gathered.of(gathered.keys).slot, [1])
    assert narrow(opened, meters=frozenset({"M-3"}), first_day=DAY, last_day=DAY) is None
    assert narrow(opened, meters=frozenset({"M-1"}), first_day=0, last_day=DAY - 1) is None


def test_narrowing_leaves_the_events_that_a_reader_asked_for() -> None:
    opened = open_entry(
        event_entry(
            Event(value=1),
            Event(value=2, meter_id="M-2"),
            Event(value=3, meter_id="M-2", at=8),
            Event(value=4, meter_id="M-2", day=DAY + 1),
            sequence=1,
            excluded=[1],
        )
    )
    narrowed = narrow(opened, meters=frozenset({"M-2"}), first_day=DAY, last_day=DAY)

    assert narrowed is not None
    gathered = gather_events([narrowed])
    assert gathered.keys == [EventKey("M-2", REGISTER, DAY, 0)]
    assert gathered.versions.value.tolist() == [3]
    np.testing.assert_array_equal(gathered.of(gathered.keys).slot, [8])
    assert narrow(opened, meters=frozenset({"M-1"}), first_day=0, last_day=DAY - 1) is None
