import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.model.runs import PayloadUnreadable, RunBatch
from storage.model.uplink import (
    UplinkEntry,
    UplinkUnreadable,
    decode_entries,
    encode_entries,
    pack_excluded,
    unpack_excluded,
)
from tests.contract.hot_readings import DAY, Run, batch_of

_COLUMNS = [
    "run_meter",
    "run_register",
    "run_interval_s",
    "run_start",
    "run_length",
    "values",
    "quality",
]

runs = st.builds(
    lambda meter, slot, values, interval_s: Run(
        meter_id=f"M-{meter}", slot=slot, values=values, interval_s=interval_s
    ),
    st.integers(0, 5),
    st.integers(0, 15),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=8),
    st.sampled_from([60, 900, 1800, 3600]),
)


@given(st.lists(runs, min_size=1, max_size=5))
def test_a_batch_comes_back_from_its_bytes(some: list[Run]) -> None:
    batch = batch_of(*some)

    back = RunBatch.decode(batch.encode())

    assert (back.meters, back.registers) == (batch.meters, batch.registers)
    for name in _COLUMNS:
        np.testing.assert_array_equal(getattr(back, name), getattr(batch, name), err_msg=name)
    assert back.run_day.tolist() == [DAY] * len(some)
    assert back.run_slot.tolist() == [run.slot for run in some]


@given(st.binary(max_size=200))
def test_bytes_that_are_no_batch_are_refused_and_nothing_else_happens(payload: bytes) -> None:
    with pytest.raises(PayloadUnreadable):
        RunBatch.decode(payload)


@given(
    cut=st.integers(1, 60),
    flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=4),
)
def test_a_damaged_batch_is_refused_or_still_consistent(
    cut: int, flips: list[tuple[int, int]]
) -> None:
    payload = bytearray(batch_of(Run(values=[1, 2, 3]), Run(meter_id="M-2", values=[4])).encode())
    with pytest.raises(PayloadUnreadable):
        RunBatch.decode(bytes(payload[:-cut]))
    for at, flip in flips:
        payload[at % len(payload)] ^= flip

    try:
        batch = RunBatch.decode(bytes(payload))
    except PayloadUnreadable:
        return
    assert batch.run_length.sum() == len(batch.values) == len(batch.quality)
    assert (batch.run_meter < len(batch.meters)).all()
    assert (batch.run_slot + batch.run_length <= 86_400 // batch.run_interval_s).all()


def _wire(**changes: object) -> bytes:
    batch = batch_of(Run(values=[1, 2]))
    fields = msgspec.msgpack.decode(batch.encode())
    names = ["format", "meters", "registers", *_COLUMNS]
    for name, value in changes.items():
        fields[names.index(name)] = value
    return msgspec.msgpack.encode(fields)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(_wire(format=2), id="a_format_of_the_future"),
        pytest.param(_wire(meters=[]), id="a_meter_that_is_not_named"),
        pytest.param(_wire(registers=[]), id="a_register_that_is_not_named"),
        pytest.param(_wire(run_meter=b"\xff\xff\xff\xff"), id="a_negative_meter"),
        pytest.param(_wire(run_length=b"\x01\0\0\0"), id="a_reading_outside_of_its_run"),
        pytest.param(_wire(run_length=b"\0\0\0\0", values=b"", quality=b""), id="an_empty_run"),
        pytest.param(_wire(quality=b"\0"), id="qualities_missing"),
        pytest.param(_wire(values=b"\0" * 7), id="half_a_value"),
        pytest.param(_wire(run_interval_s=b"\0\0\0\0"), id="no_interval"),
        pytest.param(_wire(run_interval_s=b"\x0d\x03\0\0"), id="781_s_does_not_divide_the_day"),
        pytest.param(_wire(run_start=b"\x01" + b"\0" * 7), id="off_its_grid"),
        pytest.param(_wire(run_start=b"\xff" * 8), id="before_1970"),
        pytest.param(_wire(run_start=(85_500).to_bytes(8, "little")), id="across_midnight"),
    ],
)
def test_columns_that_contradict_are_refused(payload: bytes) -> None:
    with pytest.raises(PayloadUnreadable):
        RunBatch.decode(payload)


@given(st.lists(st.booleans(), max_size=40))
def test_the_bitmap_of_excluded_readings_comes_back(mask: list[bool]) -> None:
    packed = pack_excluded(np.array(mask, dtype=np.bool_))

    assert unpack_excluded(packed, len(mask)).tolist() == mask
    assert bool(packed) == any(mask)


def test_a_bitmap_that_is_too_short_is_refused() -> None:
    with pytest.raises(UplinkUnreadable):
        unpack_excluded(b"\x01", 9)


def test_entries_come_back_from_a_body_and_rubbish_does_not() -> None:
    entries = [UplinkEntry("zone-3a", 7, b"", b"payload"), UplinkEntry("b", 2**53, b"\x01", b"")]

    assert decode_entries(encode_entries(entries)) == entries
    beyond = [
        msgspec.msgpack.encode([["zone-3a", sequence, b"", b""]])
        for sequence in (-1.5, -1, 2**53 + 1)
    ]
    for body in (b"", b"rubbish", *beyond):
        with pytest.raises(UplinkUnreadable):
            decode_entries(body)
