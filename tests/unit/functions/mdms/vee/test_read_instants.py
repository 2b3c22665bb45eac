"""The newest register reads, held whole or told turn by turn."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from functions.mdms.vee.read_instants import ReadInstants, Series
from functions.mdms.vee.touched import Touched
from storage.model.events import EventBatch

REGISTER = "1-0:1.8.0"
METERS = ["A", "B", "C", "D"]


def reads(some: list[tuple[str, int]]) -> list[EventBatch]:
    if not some:
        return []
    some = sorted(set(some))
    count = len(some)
    return [
        EventBatch(
            meters=METERS,
            registers=[REGISTER],
            event_meter=np.array([METERS.index(name) for name, _ in some], dtype=np.int32),
            event_register=np.zeros(count, dtype=np.uint8),
            event_interval_s=np.zeros(count, dtype=np.int32),
            at=np.array([at for _, at in some], dtype=np.int64),
            values=np.zeros(count, dtype=np.int64),
            quality=np.zeros(count, dtype=np.uint8),
        )
    ]


def blocks(some: list[tuple[str, int]]) -> list[Touched]:
    return [
        Touched(
            register=REGISTER,
            interval_s=60,
            day=0,
            meters=[name],
            first=np.array([slot]),
            last=np.array([slot]),
        )
        for name, slot in some
    ]


PLACES = st.lists(st.tuples(st.sampled_from(METERS), st.integers(0, 1_000)), max_size=4)


@given(turns=st.lists(st.tuples(PLACES, PLACES), max_size=8))
def test_what_is_told_is_as_good_as_what_is_held(
    turns: list[tuple[list[tuple[str, int]], list[tuple[str, int]]]],
) -> None:
    held, told = ReadInstants({}), ReadInstants(None)
    stored: dict[Series, int] = {}
    for read, written in turns:
        # A read of a batch is in seconds, a slot is a minute.
        events, touched = reads([(name, 60 * at) for name, at in read]), blocks(written)
        wanted = told.wanted(events, touched)
        told.tell({series: stored[series] for series in wanted if series in stored})
        assert held.wanted(events, touched) == []
        newer = held.take(events)
        assert told.take(events) == newer
        assert told.touched(events, touched) == held.touched(events, touched)
        assert len(told) <= len(wanted)
        stored |= newer
