"""`gridfaas archive`: retention of a tenant, from the plan to files and back."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.cli.archive import archive
from deploy.servers.postgres import query
from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from tests.contract.hot_readings import Run
from tests.contract.record_versions import entry, expected
from tests.integration.storage.cold.tenant import TENANT, provisioned

# 2020: older than any legal minimum.
ENTRIES = [entry(Run(values=[5, 6, 7], day=18_300), sequence=1)]

RETENTION = {"cold_storage": {"archive_after_days": 1_100}}


@pytest.fixture
def record(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A tenant with one old day; returns the tenant's own URL."""
    monkeypatch.setenv("DATABASE_URL", database_url)

    async def prepare() -> str:
        url = await provisioned(database_url)
        async with open_pool(url) as pool:
            store = PostgresRecordStore(pool)
            await store.append(ENTRIES)
            while (await store.fold(max_entries=100)).moved:
                pass
        return url

    query(
        database_url,
        "INSERT INTO platform.tenants (slug, number, name, created_at, settings) VALUES"
        f" ('{TENANT}', 7, 'Acme', now(), '{json.dumps(RETENTION)}')",
    )
    return asyncio.run(prepare())


def said(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(archive, [TENANT, *arguments, "--json"])
    assert done.exit_code in (0, 9), done.output
    answer: dict[str, Any] = json.loads(done.output)
    return answer | {"exit_code": done.exit_code}


async def held(url: str) -> int:
    async with open_pool(url) as pool:
        return len(await PostgresRecordStore(pool).read(list(expected(ENTRIES))))


def test_old_months_leave_and_come_back(record: str, tmp_path: Path) -> None:
    to = ("--to", str(tmp_path))

    plan = said(*to, "--dry-run")["plan"]
    assert [(one["action"], one["month"], one["readings"]) for one in plan] == [
        ("archive", "2020-02", 3)
    ]
    assert asyncio.run(held(record)) == 1

    assert said(*to)["archived_blocks"] == 1
    assert asyncio.run(held(record)) == 0
    assert said(*to, "--verify") == {"verified_files": 1, "damaged": {}, "exit_code": 0}
    assert said(*to, "--restore", "2020-02-01", "2020-02-29")["restored_blocks"] == 1
    assert asyncio.run(held(record)) == 1

    [file] = tmp_path.rglob("*.parquet")
    file.unlink()
    gone = said(*to, "--verify")
    assert (gone["exit_code"], list(gone["damaged"])) == (9, [str(file.relative_to(tmp_path))])


def test_files_are_erased_when_their_time_has_come(
    record: str, database_url: str, tmp_path: Path
) -> None:
    to = ("--to", str(tmp_path))
    said(*to)
    query(
        database_url,
        "UPDATE platform.tenants SET settings = "
        """'{"cold_storage": {"archive_after_days": 1100, "erase_after_days": 1100}}'""",
    )

    assert said(*to)["erased_files"] == 1

    assert list(tmp_path.rglob("*.parquet")) == []
    assert said(*to)["erased_files"] == 0


def test_less_than_the_law_asks_counts_as_that(
    record: str, database_url: str, tmp_path: Path
) -> None:
    query(
        database_url,
        """UPDATE platform.tenants SET settings = '{"cold_storage": {"archive_after_days": 30}}'""",
    )

    [one] = said("--to", str(tmp_path), "--dry-run")["plan"]

    assert "archive_after_days is 1100" in one["reason"]
