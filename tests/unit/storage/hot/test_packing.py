"""How a batch is laid out for the library, byte by byte."""

import struct

import numpy as np
import pytest

from storage.hot.keys import RegisterRefused, batch_keys, block_key
from storage.hot.packing import pack_claims, pack_runs
from storage.model.quality import Quality
from tests.contract.hot_readings import DAY, Run, batch_of

MIXED = [
    Run(values=[5, -6], slot=94, meter_id="B", quality=[Quality.VALID, Quality.ESTIMATED]),
    Run(values=[7], slot=1439, interval_s=60, meter_id="A", quality=Quality.EDITED),
]


def test_a_run_is_its_slot_its_readings_and_its_blocks_slots() -> None:
    assert pack_runs(batch_of(*MIXED)) == struct.pack("<6H", 94, 2, 96, 1439, 1, 1440)


def test_a_claim_is_the_slot_it_would_fill() -> None:
    claims = pack_claims(batch_of(*MIXED))

    assert list(struct.iter_unpack("<iiBBH", claims)) == [
        (5, 5, Quality.VALID, 3, 0),
        (0, -6, Quality.ESTIMATED, 1, 0),
        (0, 7, Quality.EDITED, 1, 0),
    ]


def test_an_excluded_reading_claims_nothing() -> None:
    claims = pack_claims(batch_of(*MIXED), np.array([True, False, True]))

    assert claims[:12] == claims[24:] == bytes(12)
    assert claims[12:24] != bytes(12)


def test_keys_of_a_batch_are_the_keys_of_its_blocks() -> None:
    runs = [*MIXED, Run(values=[1], register="1-0:2.8.0"), Run(values=[1], day=DAY + 1)]

    keys = batch_keys("acme", batch_of(*runs))

    assert keys == [block_key("acme", run.key) for run in runs]
    assert keys[0] == f"acme:b:{DAY}:900:1-0:1.8.0/B"
    assert len(set(keys)) == 4


def test_a_register_that_would_make_keys_ambiguous_is_refused() -> None:
    with pytest.raises(RegisterRefused):
        batch_keys("acme", batch_of(Run(values=[1], register="a/b")))
