"""Retention: what leaves on a day, what stays and why, and never less than the law asks."""

from typing import Any

import pytest

from functions.cold_storage.retention import planned
from functions.cold_storage.settings import ColdStorageSettings, SettingsError, read_settings
from storage.cold.archive.catalogue import ArchiveFile
from storage.cold.archive.moving import Part

MARCH = Part(
    register="1-0:1.8.0", interval_s=900, month="2023-03", blocks=2, readings=192, size=500
)
FIRST, LAST = 19_417, 19_447
FILE = ArchiveFile(
    path="tenant=acme/month=2023-03/A.parquet",
    sha256="0" * 64,
    size=800,
    readings=192,
    blocks=2,
    first_day=FIRST,
    last_day=LAST,
    interval_s=900,
    register="1-0:1.8.0",
)


def test_a_part_is_a_whole_month() -> None:
    assert MARCH.days == (FIRST, LAST)
    assert Part(
        register="r", interval_s=900, month="2023-12", blocks=0, readings=0, size=0
    ).days == (19_692, 19_722)


@pytest.mark.parametrize(
    ("settings", "age_days", "actions"),
    [
        pytest.param({}, 5_000, ["keep", "keep"], id="nothing_is_asked_for"),
        pytest.param({"archive_after_days": 1_200}, 1_200, ["keep", "keep"], id="a_day_too_early"),
        pytest.param({"archive_after_days": 1_200}, 1_201, ["archive", "keep"], id="due"),
        pytest.param(
            {"archive_after_days": 1_200, "erase_after_days": 3_650},
            3_651,
            ["archive", "erase"],
            id="ten_years",
        ),
    ],
)
def test_what_is_due(settings: dict[str, Any], age_days: int, actions: list[str]) -> None:
    plan = planned([MARCH], [FILE], read_settings(settings), today=LAST + age_days)

    assert [one.action for one in plan] == actions
    assert all(str(age_days) in one.reason for one in plan)


@pytest.mark.parametrize("name", ["archive_after_days", "erase_after_days"])
def test_less_than_the_law_asks_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="less than 1100"):
        read_settings({name: 1_099})

    assert read_settings({name: 1_100}) == ColdStorageSettings(**{name: 1_100})
