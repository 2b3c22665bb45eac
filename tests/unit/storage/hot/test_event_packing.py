"""Events as the library in Redis reads them: keys, spans and claims side by side."""

import numpy as np
import pytest

from storage.hot.keys import RegisterRefused, event_block_key, event_keys
from storage.hot.packed import EVENTS, pack_events
from storage.model.block import HAS_RAW, PRESENT
from storage.model.event_block import EVENT
from storage.model.quality import Quality
from tests.contract.event_readings import Event, events_of
from tests.contract.hot_readings import DAY

SOME = (
    Event(value=2**62, at=7),
    Event(value=-5, at=86_399, quality=Quality.ESTIMATED),
    Event(value=3, at=7, interval_s=900),
    Event(value=4, at=7, day=DAY + 1),
    Event(value=5, at=7, meter_id="M-2", register="1-0:2.8.0"),
)


def test_each_block_has_a_key_and_a_span_of_claims() -> None:
    packed = pack_events("acme", events_of(*SOME))

    assert packed.kind == EVENTS
    assert packed.keys == [
        f"acme:e:{DAY}:0:1-0:1.8.0/M-1",
        f"acme:e:{DAY + 1}:0:1-0:1.8.0/M-1",
        f"acme:e:{DAY}:900:1-0:1.8.0/M-1",
        f"acme:e:{DAY}:0:1-0:2.8.0/M-2",
    ]
    assert np.frombuffer(packed.places, dtype="<u4").tolist() == [2, 1, 1, 1]
    claims = np.frombuffer(packed.claims, dtype=EVENT)
    assert claims["at"].tolist() == [7, 86_399, 7, 7, 7]
    assert claims["final"].tolist() == [2**62, -5, 4, 3, 5]
    assert claims["raw"].tolist() == [2**62, 0, 4, 3, 5]
    assert claims["flags"].tolist() == [PRESENT | HAS_RAW, PRESENT, *[PRESENT | HAS_RAW] * 3]
    assert claims["quality"].tolist() == [0, Quality.ESTIMATED, 0, 0, 0]
    assert packed.size == len(packed.places) + len(packed.claims) == 4 * 4 + 5 * 24


def test_what_an_entry_excludes_is_left_out() -> None:
    batch = events_of(*SOME)
    packed = pack_events("acme", batch, np.array([True, False, False, False, True]))

    assert np.frombuffer(packed.places, dtype="<u4").tolist() == [1, 1, 1]
    assert np.frombuffer(packed.claims, dtype=EVENT)["final"].tolist() == [-5, 4, 3]
    nothing = pack_events("acme", batch, np.ones(5, dtype=np.bool_))
    assert (nothing.keys, nothing.places, nothing.claims) == ([], b"", b"")


def test_a_block_is_written_and_read_by_the_same_name() -> None:
    batch = events_of(SOME[0])

    assert event_keys("acme", batch, batch.block_starts()) == [event_block_key("acme", SOME[0].key)]


def test_a_register_with_a_slash_is_refused() -> None:
    with pytest.raises(RegisterRefused):
        pack_events("acme", events_of(Event(value=1, register="1/2")))
