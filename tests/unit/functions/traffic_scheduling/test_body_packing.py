"""What travels unpacks to the batch, and is smallest where bytes are scarce."""

import random

import pytest

from functions.runtime.uplink_body import unpack
from functions.traffic_scheduling.body_packing import BodyPacking
from storage.hot.uplink import Pending
from storage.model.uplink import UplinkEntry, decode_entries, encode_entries
from tests.contract.hot_readings import Run, batch_of


def _payload(drawn: random.Random, number: int) -> bytes:
    """An instant of 100 meters of 2,000, all of whom come in turn."""
    first = number * 100 % 2_000
    runs = [
        Run(meter_id=f"B{first + at:06}", values=[drawn.randrange(1_200)], slot=number // 20)
        for at in range(100)
    ]
    return batch_of(*runs).encode()


def _batch(entries: int) -> list[Pending]:
    drawn = random.Random(7)
    return [
        Pending(
            f"1-{n}",
            UplinkEntry(
                edge="zone-3a#1",
                sequence=n,
                excluded=b"",
                payload=_payload(drawn, n),
                after=n - 1,
            ),
            replaces=False,
        )
        for n in range(1, entries + 1)
    ]


@pytest.mark.parametrize("capped", [True, False])
def test_batches_unpack_to_their_entries_in_order(capped: bool) -> None:
    packing = BodyPacking(capped=capped)

    for batch in (_batch(40), _batch(1)):
        entries = [one.entry for one in batch]
        packed = packing.pack(batch)
        assert decode_entries(unpack(packed.body, encoding="zstd")) == entries
        assert packed.saved == len(encode_entries(entries)) - len(packed.body) > 0


def test_a_capped_link_packs_more_thoroughly() -> None:
    batch = _batch(100)

    thorough = BodyPacking(capped=True).pack(batch)
    quick = BodyPacking(capped=False).pack(batch)

    assert len(thorough.body) < len(quick.body)
