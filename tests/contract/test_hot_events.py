"""Events in both hot stores: register reads and off-grid intervals keep the rules of slots."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.model.block import HAS_RAW, PRESENT, Versions
from storage.model.event_block import EVENT, EventKey, EventRecord, merge_events
from storage.model.events import EventBatch
from storage.model.payload import decode_payload
from storage.model.quality import CLASS_OF_QUALITY, Quality
from storage.model.stamp import zone_of_edge
from storage.model.uplink import UplinkEntry, pack_excluded, unpack_excluded
from storage.ports import Outcome, StoreFull
from tests.contract.event_readings import Event, events_of
from tests.contract.hot_readings import DAY, REGISTER, Run, batch_of
from tests.contract.hot_subject import EDGE, EPOCH, NewSubject, Subject, in_memory
from tests.contract.received_orders import by_sequence, chain

ACCEPTED, DUPLICATE = Outcome.ACCEPTED, Outcome.DUPLICATE
CORRECTED, OUTRANKED = Outcome.CORRECTED, Outcome.OUTRANKED
INT64 = (-(2**63), 2**63 - 1)


async def accept(subject: Subject, *events: Event) -> list[Outcome]:
    return await subject.outcomes(events_of(*events))


def entry(sequence: int, *events: Event, excluded: Sequence[int] = ()) -> UplinkEntry:
    batch = events_of(*events)
    mask = np.zeros(len(batch), dtype=np.bool_)
    mask[list(excluded)] = True
    return UplinkEntry("zone-4", sequence, pack_excluded(mask), batch.encode())


async def test_register_reads_are_stored_and_queued_as_they_came(subject: Subject) -> None:
    reads = [Event(at=at, value=10**12 + at) for at in (43_207, 7, 86_399)]

    assert await accept(subject, *reads) == [ACCEPTED] * 3

    held = await subject.events(reads[0].key)
    assert held.dtype == EVENT
    assert held["at"].tolist() == [7, 43_207, 86_399]
    assert held["final"].tolist() == [10**12 + at for at in (7, 43_207, 86_399)]
    assert held["raw"].tolist() == held["final"].tolist()
    assert set(held["flags"].tolist()) == {PRESENT | HAS_RAW}
    assert not held["revision"].any()
    (queued,) = await subject.queued()
    assert (zone_of_edge(queued.edge), queued.excluded) == (EDGE, b"")
    assert queued.payload == events_of(*reads).encode()


async def test_what_differs_in_any_part_of_its_identity_is_apart(subject: Subject) -> None:
    events = [
        Event(value=1, meter_id="A"),
        Event(value=2, meter_id="A", register="1-0:2.8.0"),
        Event(value=3, meter_id="A", interval_s=900),
        Event(value=4, meter_id="A", interval_s=1800),
        Event(value=5, meter_id="A", day=DAY + 1),
        Event(value=6, meter_id="A", at=8),
        Event(value=7, meter_id="Ä:e:/"),
    ]

    assert await accept(subject, *events) == [ACCEPTED] * 7

    found = await subject.store.read_events([one.key for one in events])
    assert len(found) == 6
    values = {key: block["final"].tolist() for key, block in found.items()}
    assert values[events[0].key] == [1, 6]
    assert [values[one.key] for one in events[1:5]] == [[2], [3], [4], [5]]
    nobody = EventKey("B", REGISTER, DAY, 0)
    assert await subject.store.read_events([nobody]) == {}


async def test_events_and_slots_of_a_day_do_not_touch(subject: Subject) -> None:
    run = Run(values=[5, 6])
    await subject.accept(run)

    assert await accept(subject, Event(value=9, at=0), Event(value=8, interval_s=900)) == (
        [ACCEPTED] * 2
    )

    assert (await subject.slots(run.key))["final"][:2].tolist() == [5, 6]
    assert (await subject.events(Event(value=0).key))["final"].tolist() == [9]


@pytest.mark.parametrize("value", [*INT64, -1, 0, 2**53, 2**53 + 1])
async def test_values_of_64_bits_are_compared_to_the_last_one(subject: Subject, value: int) -> None:
    near = value - 1 if value > 0 else value + 1
    await accept(subject, Event(value=near))

    assert await accept(subject, Event(value=value)) == [CORRECTED]
    assert await accept(subject, Event(value=value)) == [DUPLICATE]
    assert await accept(subject, Event(value=near)) == [DUPLICATE]

    (held,) = await subject.events(Event(value=0).key)
    assert held.tolist() == (7, value, value, Quality.VALID, PRESENT | HAS_RAW, 1)


async def test_a_lower_rank_never_replaces_a_higher(subject: Subject) -> None:
    assert await accept(subject, Event(value=10, quality=Quality.ESTIMATED)) == [ACCEPTED]
    assert await accept(subject, Event(value=30, quality=Quality.EDITED)) == [CORRECTED]
    assert await accept(subject, Event(value=20)) == [OUTRANKED]
    assert await accept(subject, Event(value=11, quality=Quality.INTERPOLATED)) == [OUTRANKED]

    (held,) = await subject.events(Event(value=0).key)
    assert held.tolist() == (7, 20, 30, Quality.EDITED, PRESENT | HAS_RAW, 3)
    assert [one.excluded for one in await subject.queued()] == [b""] * 4


async def test_every_quality_has_the_class_of_the_model(subject: Subject) -> None:
    await accept(subject, *(Event(value=1, at=at) for at in range(256)))

    outcomes = await accept(subject, *(Event(value=2, at=at, quality=at) for at in range(256)))

    actual = CLASS_OF_QUALITY[Quality.VALID]
    outranked = actual > CLASS_OF_QUALITY
    assert outcomes == np.where(outranked, OUTRANKED, CORRECTED).tolist()
    held = await subject.events(Event(value=0).key)
    assert held["final"].tolist() == np.where(outranked, 1, 2).tolist()
    assert held["raw"].tolist() == np.where(actual == CLASS_OF_QUALITY, 2, 1).tolist()


async def test_a_repeat_is_not_queued_again(subject: Subject) -> None:
    reads = [Event(value=at, at=at) for at in range(12)]
    first = await subject.store.accept(events_of(*reads[:4]))
    again = await subject.store.accept(events_of(*reads[:4]))
    wider = await subject.store.accept(events_of(*reads))

    assert again.sequence == 0
    assert wider.sequence > first.sequence > 0
    assert again.outcomes.tolist() == [DUPLICATE] * 4
    assert wider.outcomes.tolist() == [DUPLICATE] * 4 + [ACCEPTED] * 8
    first_entry, second_entry = await subject.queued()
    assert (first_entry.sequence, second_entry.sequence) == (first.sequence, wider.sequence)
    assert np.flatnonzero(unpack_excluded(second_entry.excluded, 12)).tolist() == [0, 1, 2, 3]


async def test_a_meter_that_is_read_every_second(subject: Subject) -> None:
    reads = [Event(value=at, at=at) for at in range(2_500)]
    await accept(subject, *reads[::2])

    outcomes = await accept(subject, *reads)

    assert outcomes == [DUPLICATE, ACCEPTED] * 1_250
    held = await subject.events(reads[0].key)
    assert held["at"].tolist() == held["final"].tolist() == list(range(2_500))


async def test_an_empty_batch_changes_nothing(subject: Subject) -> None:
    assert await accept(subject) == []
    assert await subject.queued() == []


async def test_a_full_store_leaves_nothing_behind(new_subject: NewSubject) -> None:
    size = len(events_of(Event(value=1)).encode()) + len(EDGE) + EPOCH + 64
    subject = await new_subject(limit=size + size // 2)
    await accept(subject, Event(value=1))

    with pytest.raises(StoreFull):
        await accept(subject, Event(value=2, at=8))

    assert (await subject.events(Event(value=0).key))["at"].tolist() == [7]
    assert len(await subject.queued()) == 1
    assert await accept(subject, Event(value=1)) == [DUPLICATE]


async def test_events_do_not_wait_behind_intervals(subject: Subject) -> None:
    intervals = chain(2)
    events = [
        UplinkEntry("zone-4", 30 + at, b"", events_of(Event(value=at)).encode(), 29 + at)
        for at in range(2)
    ]

    assert await subject.store.relay([*events, *intervals], caller="zone-4") == 4
    assert await subject.store.relay([*intervals, *events], caller="zone-4") == 4

    assert sorted(await subject.queued(), key=by_sequence) == [*intervals, *events]


async def test_entries_of_both_kinds_are_relayed_in_order_and_once(subject: Subject) -> None:
    entries = [
        entry(10, Event(value=1), Event(value=2, at=8), Event(value=3, at=9), excluded=[1]),
        UplinkEntry("zone-4", 11, b"", batch_of(Run(values=[4, 5])).encode()),
        entry(12, Event(value=6), Event(value=7, meter_id="M-2")),
        entry(13, Event(value=8), excluded=[0]),
        UplinkEntry("zone-4", 14, b"\x01", batch_of(Run(values=[9, 10])).encode()),
    ]

    assert await subject.store.relay(entries, caller="zone-4") == 5
    assert await subject.store.relay(entries, caller="zone-4") == 5
    assert await subject.store.relay(entries[2:3], caller="zone-4") == 1

    assert await subject.queued() == entries
    held = await subject.events(Event(value=0).key)
    assert held["at"].tolist() == [7, 9]
    assert held["final"].tolist() == [6, 3]
    assert held["revision"].tolist() == [1, 0]
    assert (await subject.slots(Run(values=[]).key))["final"][:2].tolist() == [4, 10]


async def test_a_relayed_estimate_does_not_replace_an_actual(subject: Subject) -> None:
    await subject.store.relay(
        [
            entry(1, Event(value=1), Event(value=1, at=8)),
            entry(
                2,
                Event(value=2, quality=Quality.ESTIMATED),
                Event(value=3, at=8, quality=Quality.EDITED),
            ),
        ],
        caller="zone-4",
    )

    held = await subject.events(Event(value=0).key)
    assert held["final"].tolist() == [1, 3]
    assert held["raw"].tolist() == [1, 1]


READING = st.tuples(st.integers(0, 1), st.sampled_from([0, 900]), st.integers(1, 4))
QUALITIES = st.sampled_from([Quality.VALID, Quality.EDITED, Quality.ESTIMATED])
VERSIONS = st.dictionaries(READING, st.tuples(st.integers(0, 2), QUALITIES), min_size=1)
SLOW_START = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
PROPERTY = settings(max_examples=40, deadline=None, suppress_health_check=SLOW_START)
Day = dict[tuple[int, int, int], tuple[int, int]]
KEYS = [
    EventKey(f"M-{meter}", REGISTER, DAY, interval_s)
    for meter in range(2)
    for interval_s in (0, 900)
]


def _batch(versions: Day) -> EventBatch:
    return events_of(
        *(
            Event(meter_id=f"M-{meter}", interval_s=interval_s, at=at, value=value, quality=quality)
            for (meter, interval_s, at), (value, quality) in versions.items()
        )
    )


async def _all_events(subject: Subject) -> dict[EventKey, bytes]:
    found = await subject.store.read_events(KEYS)
    return {key: events.tobytes() for key, events in found.items()}


@PROPERTY
@given(data=st.data(), day=VERSIONS)
async def test_order_duplication_and_splitting_change_nothing(
    new_subject: NewSubject, data: st.DataObject, day: Day
) -> None:
    whole, pieces = await new_subject(), await new_subject()
    await whole.store.accept(_batch(day))
    parts = data.draw(st.lists(st.sets(st.sampled_from(sorted(day))), max_size=6))
    parts = data.draw(st.permutations([*parts, set(day)]))

    taken = 0
    for part in parts:
        acceptance = await pieces.store.accept(_batch({at: day[at] for at in part}))
        taken += int((acceptance.outcomes == ACCEPTED).sum())

    assert await _all_events(pieces) == await _all_events(whole)
    assert taken == len(day)


@PROPERTY
@given(batches=st.lists(VERSIONS, min_size=1, max_size=8), data=st.data())
async def test_resending_any_past_batches_changes_nothing(
    new_subject: NewSubject, batches: list[Day], data: st.DataObject
) -> None:
    subject = await new_subject()
    for batch in batches:
        await subject.store.accept(_batch(batch))
    before, queued = await _all_events(subject), await subject.queued()

    for batch in data.draw(st.permutations(batches)):
        assert set(await subject.outcomes(_batch(batch))) == {DUPLICATE}

    assert await _all_events(subject) == before
    assert await subject.queued() == queued


@PROPERTY
@given(batches=st.lists(VERSIONS, min_size=1, max_size=8))
async def test_what_is_queued_rebuilds_what_is_held_here_and_at_headquarters(
    new_subject: NewSubject, batches: list[Day]
) -> None:
    subject, relay, memory = await new_subject(), await new_subject(), await in_memory()
    for batch in batches:
        assert await subject.outcomes(_batch(batch)) == await memory.outcomes(_batch(batch))
    queued = await subject.queued()
    assert [one.excluded for one in queued] == [one.excluded for one in await memory.queued()]

    await relay.store.relay(queued, caller="zone-4")

    held = await _all_events(subject)
    assert await _all_events(relay) == held == await _all_events(memory)
    assert _at_headquarters(queued) == held


def _at_headquarters(entries: Sequence[UplinkEntry]) -> dict[EventKey, bytes]:
    """The record's events of everything queued, the versions they replaced counted into them."""
    found = {}
    for key in KEYS:
        record, logged = EventRecord.empty((EDGE,)), 0
        for one in entries:
            batch = decode_payload(one.payload)
            assert isinstance(batch, EventBatch)
            mine = np.array(
                [batch.meters[meter] == key.meter_id for meter in batch.event_meter], dtype=np.bool_
            )
            mine &= (batch.event_interval_s == key.interval_s) & ~unpack_excluded(
                one.excluded, len(batch)
            )
            versions = Versions(
                slot=batch.event_second[mine],
                value=batch.values[mine],
                quality=batch.quality[mine],
                sequence=np.full(mine.sum(), one.sequence, dtype=np.int64),
                edge=np.zeros(mine.sum(), dtype=np.uint8),
            )
            record, replaced = merge_events(record, versions)
            np.add.at(
                record.record.slots["revision"], np.searchsorted(record.place, replaced.slot), 1
            )
            logged += len(replaced)
        if len(record):
            found[key] = record.record.slots.tobytes()
        assert logged == record.record.slots["revision"].sum()
    return found
