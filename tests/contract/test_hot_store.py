"""One suite over both hot stores: in memory, and in a real Redis with a tenant's credentials."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.hot.packing import SlotNamedTwice
from storage.model.block import (
    HAS_RAW,
    PRESENT,
    SLOT,
    BlockKey,
    RecordBlock,
    Versions,
    merge,
)
from storage.model.quality import CLASS_OF_QUALITY, Quality
from storage.model.received import MAX_AHEAD, TooManyGaps
from storage.model.runs import PayloadUnreadable, RunBatch
from storage.model.stamp import zone_of_edge
from storage.model.uplink import UplinkEntry, unpack_excluded
from storage.ports import Outcome, StoreFull
from tests.contract.hot_readings import DAY, REGISTER, Run, batch_of
from tests.contract.hot_subject import EDGE, EPOCH, NewSubject, Subject, in_memory
from tests.contract.received_orders import by_sequence, chain, orders, posts

ACCEPTED, DUPLICATE = Outcome.ACCEPTED, Outcome.DUPLICATE
CORRECTED, OUTRANKED = Outcome.CORRECTED, Outcome.OUTRANKED
INT32 = (-(2**31), 2**31 - 1)


async def test_a_day_is_stored_and_queued_as_it_came(subject: Subject) -> None:
    run = Run(values=range(96))

    outcomes = await subject.accept(run)

    assert outcomes == [ACCEPTED] * 96
    slots = await subject.slots(run.key)
    assert slots["final"].tolist() == slots["raw"].tolist() == list(range(96))
    assert set(slots["flags"].tolist()) == {PRESENT | HAS_RAW}
    assert not slots["revision"].any()
    (entry,) = await subject.queued()
    assert (zone_of_edge(entry.edge), entry.excluded) == (EDGE, b"")
    assert entry.payload == batch_of(run).encode()


async def test_absent_is_not_zero(subject: Subject) -> None:
    run = Run(values=[0], slot=5)

    await subject.accept(run)

    slots = await subject.slots(run.key)
    assert np.flatnonzero(slots["flags"] & PRESENT).tolist() == [5]
    other = BlockKey("M-2", REGISTER, DAY, 900)
    assert await subject.store.read([other]) == {}
    assert await subject.accept(Run(values=[0, 0], slot=4)) == [ACCEPTED, DUPLICATE]


@pytest.mark.parametrize("interval_s", [60, 300, 900, 1800, 3600, 86_400])
async def test_every_interval_length_fills_its_day(subject: Subject, interval_s: int) -> None:
    slots = 86_400 // interval_s
    last = Run(values=[7], slot=slots - 1, interval_s=interval_s)
    rest = [Run(values=[8] * (slots - 1), interval_s=interval_s)] if slots > 1 else []

    assert await subject.accept(last) == [ACCEPTED]
    assert await subject.accept(*rest) == [ACCEPTED] * (slots - 1)

    held = await subject.slots(last.key)
    assert held.dtype == SLOT
    assert held["final"].tolist() == [8] * (slots - 1) + [7]


@pytest.mark.parametrize("value", [*INT32, -1, 0, 1])
async def test_values_at_the_edge_of_int32(subject: Subject, value: int) -> None:
    await subject.accept(Run(values=[1], quality=Quality.ESTIMATED))

    assert await subject.accept(Run(values=[value])) == [CORRECTED]
    slots = await subject.slots(Run(values=[0]).key)
    assert (slots["raw"][0], slots["final"][0]) == (value, value)
    assert await subject.accept(Run(values=[value])) == [DUPLICATE]


async def test_a_lower_rank_never_replaces_a_higher(subject: Subject) -> None:
    estimated = Run(values=[10], quality=Quality.ESTIMATED)
    actual = Run(values=[20], quality=Quality.VALID)
    edited = Run(values=[30], quality=Quality.EDITED)

    assert await subject.accept(estimated) == [ACCEPTED]
    assert await subject.accept(edited) == [CORRECTED]
    assert await subject.accept(actual) == [OUTRANKED]
    assert await subject.accept(Run(values=[11], quality=Quality.INTERPOLATED)) == [OUTRANKED]

    slot = (await subject.slots(edited.key))[0]
    assert (slot["raw"], slot["final"], slot["quality"]) == (20, 30, Quality.EDITED)
    assert (slot["flags"], slot["revision"]) == (PRESENT | HAS_RAW, 3)
    # Headquarters keeps every version, so an outranked one travels too.
    assert [entry.excluded for entry in await subject.queued()] == [b""] * 4


async def test_every_quality_has_the_class_of_the_model(subject: Subject) -> None:
    qualities = np.arange(256, dtype=np.uint8)
    held = Run(values=[1] * 256, interval_s=300)
    await subject.accept(held)

    outcomes = await subject.accept(Run(values=[2] * 256, interval_s=300, quality=qualities))

    actual = CLASS_OF_QUALITY[Quality.VALID]
    outranked = actual > CLASS_OF_QUALITY
    assert outcomes == np.where(outranked, OUTRANKED, CORRECTED).tolist()
    slots = await subject.slots(held.key)
    assert slots["final"][:256].tolist() == np.where(outranked, 1, 2).tolist()
    assert slots["raw"][:256].tolist() == np.where(actual == CLASS_OF_QUALITY, 2, 1).tolist()


async def test_a_resent_old_batch_does_not_undo_a_correction(subject: Subject) -> None:
    old, new = Run(values=[1, 2, 3]), Run(values=[9], slot=1)
    await subject.accept(old)

    assert await subject.accept(new) == [CORRECTED]
    assert await subject.accept(old) == [DUPLICATE] * 3

    slots = await subject.slots(old.key)
    assert slots["final"][:3].tolist() == [1, 9, 3]
    assert slots["revision"][:3].tolist() == [0, 1, 0]
    assert len(await subject.queued()) == 2


async def test_a_repeat_is_not_queued_again(subject: Subject) -> None:
    first = await subject.store.accept(batch_of(Run(values=range(4))))
    again = await subject.store.accept(batch_of(Run(values=range(4))))
    wider = await subject.store.accept(batch_of(Run(values=range(10))))

    assert again.sequence == 0
    assert wider.sequence > first.sequence > 0
    assert again.outcomes.tolist() == [DUPLICATE] * 4
    assert wider.outcomes.tolist() == [DUPLICATE] * 4 + [ACCEPTED] * 6
    first_entry, second_entry = await subject.queued()
    assert (first_entry.sequence, second_entry.sequence) == (first.sequence, wider.sequence)
    assert np.flatnonzero(unpack_excluded(second_entry.excluded, 10)).tolist() == [0, 1, 2, 3]


async def test_meters_registers_and_intervals_are_apart(subject: Subject) -> None:
    runs = [
        Run(values=[1], meter_id="A"),
        Run(values=[2], meter_id="A", register="1-0:2.8.0"),
        Run(values=[3], meter_id="A", interval_s=1800),
        Run(values=[4], meter_id="A", day=DAY + 1),
        Run(values=[5], meter_id="Ä/:b:"),
        Run(values=[6, 7], meter_id="A", slot=40),
    ]

    assert await subject.accept(*runs) == [ACCEPTED] * 7

    blocks = await subject.store.read([run.key for run in runs])
    assert len(blocks) == 5
    assert [int(blocks[run.key]["final"][run.slot]) for run in runs] == [1, 2, 3, 4, 5, 6]


async def test_an_empty_batch_changes_nothing(subject: Subject) -> None:
    assert await subject.accept() == []
    assert await subject.queued() == []


async def test_a_full_store_leaves_nothing_behind(new_subject: NewSubject) -> None:
    first, second = Run(values=range(96)), Run(values=range(96), day=DAY + 1)
    size = len(batch_of(first).encode()) + len(EDGE) + EPOCH + 64
    subject = await new_subject(limit=size + size // 2)
    await subject.accept(first)

    with pytest.raises(StoreFull) as refused:
        await subject.accept(second)

    assert refused.value.retry_after_s > 0
    assert await subject.store.read([second.key]) == {}
    assert len(await subject.queued()) == 1
    # What is there already needs no room.
    assert await subject.accept(first) == [DUPLICATE] * 96


def _entry(sequence: int, *runs: Run, excluded: bytes = b"", edge: str = "zone-4") -> UplinkEntry:
    return UplinkEntry(edge, sequence, excluded, batch_of(*runs).encode())


async def test_an_entry_is_relayed_once_and_keeps_its_bytes(subject: Subject) -> None:
    entries = [
        _entry(10, Run(values=[1, 2, 3]), excluded=b"\x02"),
        _entry(11, Run(values=[4], slot=0)),
        _entry(7, Run(values=[5], slot=9), edge="zone-5"),
    ]

    assert await subject.store.relay(entries, caller="zone-4") == 3
    assert await subject.store.relay(entries, caller="zone-4") == 3
    assert await subject.store.relay(entries[:1], caller="zone-4") == 1

    assert await subject.queued() == entries
    slots = await subject.slots(Run(values=[0]).key)
    assert np.flatnonzero(slots["flags"]).tolist() == [0, 2, 9]
    assert slots["final"][[0, 2, 9]].tolist() == [4, 3, 5]
    assert slots["revision"][[0, 2, 9]].tolist() == [1, 0, 0]


async def test_two_ways_of_an_edge_have_watermarks_of_their_own(subject: Subject) -> None:
    through_old = _entry(20, Run(values=[1]), edge="zone-4#1")
    before_it = _entry(10, Run(values=[2], slot=1), edge="zone-4#1")
    await subject.store.relay([through_old], caller="zone-3a")

    assert await subject.store.relay([before_it], caller="zone-3b") == 1
    assert await subject.store.relay([before_it], caller="zone-3a") == 1

    assert await subject.queued() == [through_old, before_it]


async def test_one_store_stamps_as_one_edge(subject: Subject) -> None:
    for slot in range(3):
        await subject.accept(Run(values=[1], slot=slot))

    assert len({entry.edge for entry in await subject.queued()}) == 1


async def test_a_relayed_estimate_does_not_replace_an_actual(subject: Subject) -> None:
    await subject.store.relay(
        [
            _entry(1, Run(values=[1, 1])),
            _entry(2, Run(values=[2, 3], quality=[Quality.ESTIMATED, Quality.EDITED])),
        ],
        caller="zone-4",
    )

    slots = await subject.slots(Run(values=[0]).key)
    assert slots["final"][:2].tolist() == [1, 3]
    assert slots["raw"][:2].tolist() == [1, 1]


async def test_a_full_uplink_stops_a_relay_in_order(new_subject: NewSubject) -> None:
    large = _entry(2, Run(values=range(96), day=DAY + 1))
    small = [_entry(1, Run(values=[1])), _entry(3, Run(values=[3], slot=3))]
    room = sum(len(entry.payload) + 80 for entry in small)
    subject = await new_subject(limit=room)

    with pytest.raises(StoreFull):
        await subject.store.relay([small[0], large, small[1]], caller="zone-4")

    # The third would fit, but its watermark would hide the second for good.
    assert await subject.queued() == small[:1]
    assert await subject.store.read([Run(values=[], day=DAY + 1).key]) == {}


async def test_an_unreadable_entry_leaves_nothing_of_its_body(subject: Subject) -> None:
    with pytest.raises(PayloadUnreadable):
        await subject.store.relay(
            [_entry(1, Run(values=[1])), UplinkEntry("e", 2, b"", b"?")], caller="zone-4"
        )

    assert await subject.queued() == []


async def test_an_edge_says_after_which_entry_each_comes(subject: Subject) -> None:
    for slot in range(3):
        await subject.accept(Run(values=[1], slot=slot))
    await subject.accept(Run(values=[1], slot=0))
    await subject.accept(Run(values=[2], slot=0))

    queued = await subject.queued()
    assert [entry.after for entry in queued] == [0, *(entry.sequence for entry in queued[:-1])]


async def test_newer_entries_may_come_before_older_ones(subject: Subject) -> None:
    entries = chain(6)
    for post in ([entries[5]], entries[2:4], entries[1:3], [entries[4]], entries[:1], entries):
        assert await subject.store.relay(post, caller="zone-4") == len(post)

    assert sorted(await subject.queued(), key=by_sequence) == entries
    slots = await subject.slots(Run(values=[0]).key)
    assert slots["final"][:7].tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert not slots["revision"].any()


async def test_there_may_be_many_gaps_but_not_any_number(new_subject: NewSubject) -> None:
    apart = chain(2 * MAX_AHEAD + 3)[1::2]
    subject = await new_subject()

    with pytest.raises((StoreFull, TooManyGaps)):
        await subject.store.relay(apart, caller="zone-4")

    assert await subject.queued() == apart[:MAX_AHEAD]
    # What fills a gap is taken, and makes room for what comes behind another one.
    assert await subject.store.relay(chain(1), caller="zone-4") == 1
    assert await subject.store.relay(apart, caller="zone-4") == MAX_AHEAD + 1


READING = st.tuples(st.integers(0, 1), st.integers(0, 7))
QUALITIES = st.sampled_from([Quality.VALID, Quality.EDITED, Quality.ESTIMATED])
VERSIONS = st.dictionaries(READING, st.tuples(st.integers(0, 2), QUALITIES), min_size=1)
SLOW_START = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
PROPERTY = settings(max_examples=40, deadline=None, suppress_health_check=SLOW_START)
Version = tuple[int, int]


def _batch(versions: dict[tuple[int, int], Version]) -> RunBatch:
    return batch_of(
        *(
            Run(meter_id=f"M-{meter}", slot=slot, values=[value], quality=quality)
            for (meter, slot), (value, quality) in versions.items()
        )
    )


KEYS = [BlockKey(f"M-{meter}", REGISTER, DAY, 900) for meter in range(2)]


async def _all_slots(subject: Subject) -> dict[BlockKey, bytes]:
    return {key: slots.tobytes() for key, slots in (await subject.store.read(KEYS)).items()}


@PROPERTY
@given(data=st.data(), day=VERSIONS)
async def test_order_duplication_and_splitting_change_nothing(
    new_subject: NewSubject, data: st.DataObject, day: dict[tuple[int, int], Version]
) -> None:
    whole, pieces = await new_subject(), await new_subject()
    await whole.store.accept(_batch(day))
    parts = data.draw(st.lists(st.sets(st.sampled_from(sorted(day))), max_size=6))
    parts = data.draw(st.permutations([*parts, set(day)]))

    taken = 0
    for part in parts:
        acceptance = await pieces.store.accept(_batch({at: day[at] for at in part}))
        taken += int((acceptance.outcomes == ACCEPTED).sum())

    assert await _all_slots(pieces) == await _all_slots(whole)
    assert taken == len(day)


@PROPERTY
@given(order=orders(12), size=st.integers(min_value=1, max_value=5))
async def test_each_entry_is_relayed_once_in_whatever_order_it_comes(
    new_subject: NewSubject, order: list[int], size: int
) -> None:
    subject, entries = await new_subject(), chain(12)

    for post in posts(order, entries, size):
        assert await subject.store.relay(post, caller="zone-4") == len(post)

    assert sorted(await subject.queued(), key=by_sequence) == entries


@PROPERTY
@given(batches=st.lists(VERSIONS, min_size=1, max_size=8), data=st.data())
async def test_resending_any_past_batches_changes_nothing(
    new_subject: NewSubject,
    batches: list[dict[tuple[int, int], Version]],
    data: st.DataObject,
) -> None:
    subject = await new_subject()
    for batch in batches:
        await subject.store.accept(_batch(batch))
    before, queued = await _all_slots(subject), await subject.queued()

    for batch in data.draw(st.permutations(batches)):
        acceptance = await subject.store.accept(_batch(batch))
        assert set(acceptance.outcomes.tolist()) == {DUPLICATE}

    assert await _all_slots(subject) == before
    assert await subject.queued() == queued


@PROPERTY
@given(batches=st.lists(VERSIONS, min_size=1, max_size=8))
async def test_what_is_queued_rebuilds_what_is_held(
    new_subject: NewSubject, batches: list[dict[tuple[int, int], Version]]
) -> None:
    subject, relay = await new_subject(), await new_subject()
    for batch in batches:
        await subject.store.accept(_batch(batch))
    queued = await subject.queued()

    await relay.store.relay(queued, caller="zone-4")

    assert await _all_slots(relay) == await _all_slots(subject)
    held = await subject.store.read(KEYS)
    for key in KEYS:
        record, past = _record(key, queued)
        if not record.present.any():
            assert key not in held
            continue
        for column in ("raw", "final", "quality", "flags"):
            assert held[key][column].tolist() == record.slots[column].tolist()
        replaced = np.bincount(past, minlength=key.slots)
        assert held[key]["revision"].tolist() == replaced.tolist()


def _record(key: BlockKey, entries: Sequence[UplinkEntry]) -> tuple[RecordBlock, np.ndarray]:
    """Headquarters' block of everything queued, and the slots of the versions it replaced."""
    columns: list[tuple[int, int, int, int]] = []
    for entry in entries:
        batch = RunBatch.decode(entry.payload)
        excluded = unpack_excluded(entry.excluded, len(batch))
        columns += [
            (int(batch.run_slot[i]), int(batch.values[i]), int(batch.quality[i]), entry.sequence)
            for i in range(len(batch))
            if not excluded[i] and batch.meters[batch.run_meter[i]] == key.meter_id
        ]
    slot, value, quality, sequence = np.array(columns, dtype=np.int64).reshape(-1, 4).T
    versions = Versions(
        slot=slot.astype(np.int32),
        value=value.astype(np.int32),
        quality=quality.astype(np.uint8),
        sequence=sequence,
        edge=np.zeros(len(slot), dtype=np.uint8),
    )
    record, past = merge(RecordBlock.empty(key.slots, (EDGE,)), versions)
    return record, past.slot


def _forwarded(entry: UplinkEntry) -> set[tuple[str, int, int, int]]:
    """The readings that the parent takes of an entry, whose order is the store's own."""
    batch = RunBatch.decode(entry.payload)
    taken = ~unpack_excluded(entry.excluded, len(batch))
    of_run = batch.run_of_reading()
    slot = batch.run_slot[of_run] + np.arange(len(batch)) - batch.offsets[of_run]
    meters = [batch.meters[at] for at in batch.run_meter[of_run].tolist()]
    every = zip(meters, slot.tolist(), batch.values.tolist(), batch.quality.tolist(), strict=True)
    return {one for one, counts in zip(every, taken.tolist(), strict=True) if counts}


@PROPERTY
@given(batches=st.lists(VERSIONS, min_size=1, max_size=8))
async def test_both_stores_answer_alike(
    new_subject: NewSubject, batches: list[dict[tuple[int, int], Version]]
) -> None:
    subject, memory = await new_subject(), await in_memory()
    for batch in batches:
        one = await subject.store.accept(_batch(batch))
        other = await memory.store.accept(_batch(batch))
        assert one.outcomes.tolist() == other.outcomes.tolist()

    assert await _all_slots(subject) == await _all_slots(memory)
    assert [_forwarded(entry) for entry in await subject.queued()] == [
        _forwarded(entry) for entry in await memory.queued()
    ]


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param([Run(values=[1]), Run(values=[2])], id="the_same_slot"),
        pytest.param([Run(values=[1, 2, 3]), Run(values=[2], slot=2)], id="the_end_of_a_run"),
    ],
)
async def test_a_batch_that_names_a_slot_twice_is_refused(
    subject: Subject, runs: list[Run]
) -> None:
    with pytest.raises(SlotNamedTwice):
        await subject.accept(*runs)
    assert await subject.queued() == []


async def test_a_large_batch_is_taken_in_steps_and_answered_reading_by_reading(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.hot.store.CALL_PLACES", 3)
    before = [Run(values=[5], meter_id="M-2"), Run(values=[5], meter_id="M-6")]
    await subject.accept(*before)
    large = [Run(values=[at, 9], meter_id=f"M-{at}") for at in range(8)]
    first_of_m2, first_of_m6 = 2 * 2, 2 * 6

    acceptance = await subject.store.accept(batch_of(*large))

    outcomes = acceptance.outcomes.tolist()
    assert [at for at, code in enumerate(outcomes) if code == CORRECTED] == [
        first_of_m2,
        first_of_m6,
    ]
    assert outcomes.count(ACCEPTED) == 14
    queued = await subject.queued()
    assert queued[-1].sequence == acceptance.sequence
    assert [entry.sequence for entry in queued] == sorted({entry.sequence for entry in queued})
    for run in large:
        assert (await subject.slots(run.key))["final"].tolist()[:2] == run.values
    assert await subject.accept(*large) == [DUPLICATE] * 16
    assert len(await subject.queued()) == len(queued)


async def test_a_slot_named_in_two_steps_of_a_large_batch_is_refused_before_any(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.hot.store.CALL_PLACES", 1)

    with pytest.raises(SlotNamedTwice):
        await subject.accept(Run(values=[1]), Run(values=[2], slot=3), Run(values=[3]))

    assert await subject.queued() == []
