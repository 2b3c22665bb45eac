"""What a batch of events may say, and how it travels."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from storage.model.events import EventBatch, EventsInconsistent
from storage.model.payload import decode_payload
from storage.model.runs import PayloadUnreadable
from tests.contract.event_readings import MIDNIGHT, Event, columns, events_of
from tests.contract.hot_readings import DAY, Run, batch_of

EVENTS = (
    Event(value=-(2**63), at=7, meter_id="A", quality=14),
    Event(value=2**63 - 1, at=8, meter_id="A"),
    Event(value=3, at=8, meter_id="A", day=DAY + 1),
    Event(value=4, at=8, meter_id="A", interval_s=900),
    Event(value=5, at=0, meter_id="B", register="1-0:2.8.0"),
)


def one(**changes: int | str) -> EventBatch:
    return events_of(Event(value=1, **changes))


def test_a_batch_is_read_back_as_it_was_written() -> None:
    batch = events_of(*EVENTS)

    decoded = decode_payload(batch.encode())

    assert isinstance(decoded, EventBatch)
    assert (decoded.meters, decoded.registers) == (["A", "B"], ["1-0:1.8.0", "1-0:2.8.0"])
    assert decoded.values.tolist() == [-(2**63), 2**63 - 1, 3, 4, 5]
    for column in ("event_meter", "event_register", "event_interval_s", "at", "quality"):
        assert getattr(decoded, column).tolist() == getattr(batch, column).tolist()
    assert decoded.encode() == batch.encode()


def test_blocks_begin_where_meter_register_day_or_length_change() -> None:
    batch = events_of(*EVENTS)

    assert batch.block_starts().tolist() == [0, 2, 3, 4]
    assert batch.event_day.tolist() == [DAY, DAY, DAY + 1, DAY, DAY]
    assert batch.event_second.tolist() == [7, 8, 8, 8, 0]


def test_an_empty_batch_travels_too() -> None:
    assert len(decode_payload(events_of().encode())) == 0
    assert events_of().block_starts().tolist() == []


def test_a_payload_is_read_as_the_kind_that_it_is() -> None:
    runs = batch_of(Run(values=[1, 2]))

    assert decode_payload(runs.encode()).encode() == runs.encode()


@pytest.mark.parametrize(
    "interval_s", [0, 60, 900, 3600, 86_400], ids=lambda interval_s: f"{interval_s}_s"
)
def test_an_interval_off_its_grid_is_an_event(interval_s: int) -> None:
    assert len(one(at=7, interval_s=interval_s)) == 1


@pytest.mark.parametrize(
    ("interval_s", "at", "says"),
    [
        pytest.param(900, 1800, "on its grid", id="on_the_grid"),
        pytest.param(86_400, 0, "on its grid", id="midnight_is_a_days_grid"),
        pytest.param(59, 7, "shorter", id="less_than_a_minute"),
        pytest.param(-900, 7, "shorter", id="backwards"),
        pytest.param(86_401, 7, "longer", id="more_than_a_day"),
        pytest.param(7_000, 7, "divide", id="does_not_divide_a_day"),
    ],
)
def test_an_interval_that_is_no_event_is_refused(interval_s: int, at: int, says: str) -> None:
    with pytest.raises(EventsInconsistent, match=says):
        one(at=at, interval_s=interval_s)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([Event(value=1), Event(value=2)], id="the_same_instant_twice"),
        pytest.param([Event(value=1, at=8), Event(value=2, at=7)], id="backwards_in_time"),
        pytest.param([Event(value=1, interval_s=900), Event(value=2)], id="lengths_out_of_order"),
        pytest.param(
            [Event(value=1, meter_id="B"), Event(value=2, meter_id="A")], id="meters_out_of_order"
        ),
    ],
)
def test_events_that_do_not_rise_are_refused(events: list[Event]) -> None:
    with pytest.raises(EventsInconsistent, match="twice, or the events are not in order"):
        columns(events, sorted({event.meter_id for event in events}), ["1-0:1.8.0"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"event_meter": np.array([1])}, "outside", id="meter_beyond_the_list"),
        pytest.param({"event_meter": np.array([-1])}, "outside", id="meter_before_the_list"),
        pytest.param(
            {"event_register": np.array([1], dtype=np.uint8)}, "outside", id="unknown_register"
        ),
        pytest.param({"at": np.array([-1])}, "outside", id="before_1970"),
        pytest.param({"at": np.array([253_402_300_800])}, "outside", id="after_9999"),
        pytest.param({"values": np.array([1, 2])}, "lengths", id="a_value_too_many"),
        pytest.param({"meters": ["M-1", "M-1"]}, "listed twice", id="a_meter_listed_twice"),
        pytest.param({"registers": ["r", "r"]}, "listed twice", id="a_register_listed_twice"),
    ],
)
def test_columns_that_contradict_are_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(EventsInconsistent, match=says):
        replace(one(), **changes)


def _tampered(position: int, value: object) -> bytes:
    parts = msgspec.msgpack.decode(one(at=7, interval_s=900).encode())
    parts[position] = value
    return msgspec.msgpack.encode(parts)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="no_messagepack"),
        pytest.param(b"\x90", id="no_format"),
        pytest.param(_tampered(0, 3), id="an_unknown_format"),
        pytest.param(_tampered(0, 1), id="events_that_say_they_are_runs"),
        pytest.param(_tampered(3, b"\0\0\0"), id="a_column_cut_off"),
        pytest.param(_tampered(6, (MIDNIGHT).to_bytes(8, "little")), id="on_the_grid"),
        pytest.param(one().encode()[:-1], id="the_last_byte_is_missing"),
    ],
)
def test_bytes_that_are_no_batch_are_refused(payload: bytes) -> None:
    with pytest.raises(PayloadUnreadable):
        decode_payload(payload)


def test_a_batch_of_runs_is_no_batch_of_events() -> None:
    with pytest.raises(PayloadUnreadable):
        EventBatch.decode(batch_of(Run(values=[1])).encode())
