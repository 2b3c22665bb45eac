"""SIGKILL between any two steps of the archive: each value is in the record, or in one file."""

import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from storage.cold.archive.moving import opened_record
from storage.cold.archive.parquet_file import read_file
from storage.cold.pool import Pool
from storage.cold.record import PostgresRecordStore
from storage.model.block import BlockKey
from tests.contract.record_versions import a_day_of_traffic, expected
from tests.integration.stepped_process import go_on, kill, step, stepped_process
from tests.integration.storage.cold.archiving import LATER
from tests.integration.storage.cold.tenant import SCHEMA

SCRIPT = Path(__file__).parent / "archiving.py"
OUT = [
    "before write_file",
    *(f"{when} _settle" for when in ("before", "after", "before", "after")),
    "after write_file",
    *(f"{when} {name}" for name in ("check_file", "note") for when in ("before", "after")),
    *(f"{when} {name}" for name in ("delete", "mark") for when in ("before", "after")),
]
"""The steps of one file: it is settled on disk, then its folder."""
BACK = ["read_file", "insert"]
Blocks = dict[BlockKey, NDArray[np.void]]


def archiving(
    way: str, database_url: str, folder: Path
) -> AbstractContextManager[subprocess.Popen[str]]:
    return stepped_process(SCRIPT, way, database_url, SCHEMA, str(folder))


def to_the_end(way: str, database_url: str, folder: Path) -> None:
    with archiving(way, database_url, folder) as process:
        while (at := step(process)) != "done":
            assert at, "the process ended by itself"
            go_on(process)


async def archived(database_url: str, folder: Path) -> Blocks:
    """What the catalogue's files hold; no block may be in two of them."""
    found: Blocks = {}
    async with opened_record(database_url, schema=SCHEMA) as connection:
        rows = await connection.fetch("SELECT * FROM archive_files WHERE dropped_at IS NOT NULL")
    for row in rows:
        blocks = read_file(
            folder / row["path"],
            register=row["register"],
            interval_s=row["interval_s"],
            expected_sha256=row["sha256"],
        )
        assert not blocks.keys() & found.keys()
        found |= {key: block.slots for key, block in blocks.items()}
    return found


def equal(these: Blocks, others: Blocks) -> None:
    assert these.keys() == others.keys()
    for key, slots in these.items():
        np.testing.assert_array_equal(slots, others[key])


@pytest.fixture
async def record(pool: Pool) -> PostgresRecordStore:
    """A record with a day of traffic, folded."""
    store = PostgresRecordStore(pool)
    await store.append(a_day_of_traffic(7))
    while (await store.fold(max_entries=100)).moved:
        pass
    return store


async def test_a_killed_archiver_loses_and_doubles_nothing(
    record: PostgresRecordStore, database_url: str, tmp_path: Path
) -> None:
    values = expected(a_day_of_traffic(7))
    # The last one is past the first file's commit.
    for number, stop in enumerate([*OUT, "before write_file"]):
        with archiving("out", database_url, tmp_path) as process:
            for before in [*OUT, "before write_file"][:number]:
                assert step(process) == before
                go_on(process)
            assert step(process) == stop
            kill(process)
        in_files = await archived(database_url, tmp_path)
        in_record = dict(await record.read(list(values)))
        assert not in_files.keys() & in_record.keys(), stop
        equal(in_files | in_record, values)

    to_the_end("out", database_url, tmp_path)
    assert await record.read(list(values)) == {}
    equal(await archived(database_url, tmp_path), values)


async def test_what_comes_back_comes_whole_whenever_it_is_cut_short(
    record: PostgresRecordStore, database_url: str, tmp_path: Path
) -> None:
    values = expected(a_day_of_traffic(7))
    to_the_end("out", database_url, tmp_path)
    for stop in (f"{when} {name}" for name in BACK for when in ("before", "after")):
        with archiving("back", database_url, tmp_path) as process:
            while (at := step(process)) and at not in (stop, "done"):
                go_on(process)
            assert at == stop, f"{stop} was not reached"
            kill(process)
        for key, slots in (await record.read(list(values))).items():
            np.testing.assert_array_equal(slots, values[key])

    to_the_end("back", database_url, tmp_path)
    equal(dict(await record.read(list(values))), values)
    # What went out again and comes back again is in two files, and in the record once.
    to_the_end("out", database_url, tmp_path)
    to_the_end("back", database_url, tmp_path)
    equal(dict(await record.read(list(values))), values)
    assert max(key.day for key in values) < LATER
