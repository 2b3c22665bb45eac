"""Samples of stored bytes: once an hour, as a segment that can be shipped at once."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from storage.platform.ledger.record import StorageSample
from storage.platform.ledger.segment import read_records
from zones.agent.segment_file import read_piece, segments_of
from zones.agent.storage_samples import StorageSampler

HOUR_S = 3_600


class Store:
    def __init__(self) -> None:
        self.sizes: dict[str, int] = {"acme": 5, "bolt": 0}
        self.down = False
        self.now_s = 10.0 * HOUR_S

    async def measure(self, tenants: Collection[str]) -> Mapping[str, int]:
        if self.down:
            raise OSError("away")
        return {slug: self.sizes[slug] for slug in tenants}

    def sampler(
        self, folder: Path, tenants: Collection[str] | None = ("acme", "bolt")
    ) -> StorageSampler:
        return StorageSampler(
            folder,
            zone="zone-3a",
            store="hot",
            measure=self.measure,
            tenants=lambda: tenants,
            now=lambda: self.now_s,
        )


def written(folder: Path) -> list[StorageSample]:
    found = []
    for path in segments_of(folder):
        for record in read_records(path.read_bytes()):
            assert isinstance(record, StorageSample)
            found.append(record)
    return found


async def test_each_hour_is_sampled_once(tmp_path: Path) -> None:
    store = Store()
    sampler = store.sampler(tmp_path / "ledger")

    done = []
    for at_s in (0, 1, 3_599, 3_600, 3_601):
        store.now_s = 10.0 * HOUR_S + at_s
        done.append(await sampler.sample())

    assert done == [True, False, False, True, False]
    samples = written(tmp_path / "ledger")
    assert [(one.tenant, one.bytes, one.at_us) for one in samples] == [
        ("acme", 5, 10 * HOUR_S * 1_000_000),
        ("acme", 5, 11 * HOUR_S * 1_000_000),
    ]
    assert {(one.zone, one.store) for one in samples} == {("zone-3a", "hot")}


async def test_a_sample_is_a_finished_segment(tmp_path: Path) -> None:
    store = Store()
    await store.sampler(tmp_path).sample()

    (path,) = segments_of(tmp_path)
    piece = read_piece(path, 0)
    assert len(piece.frames) == path.stat().st_size
    assert read_piece(path, len(piece.frames)).at_end
    assert os.listdir(tmp_path) == [path.name]


async def test_an_hour_in_which_the_store_comes_back_is_sampled_then(tmp_path: Path) -> None:
    store = Store()
    sampler = store.sampler(tmp_path)
    store.down = True
    with pytest.raises(OSError, match="away"):
        await sampler.sample()
    store.down = False

    assert await sampler.sample()
    assert len(written(tmp_path)) == 1


async def test_nothing_is_written_before_the_tenants_are_known(tmp_path: Path) -> None:
    store = Store()

    assert not await store.sampler(tmp_path, tenants=None).sample()
    assert os.listdir(tmp_path) == []
