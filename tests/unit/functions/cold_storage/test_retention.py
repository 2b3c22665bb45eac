"""Retention: what leaves on a day, what stays and why, and never less than the law asks."""

from typing import Any

import pytest

from functions.cold_storage.retention import planned
from functions.cold_storage.settings import SettingsError, read_settings
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


def test_less_than_the_law_asks_counts_as_that() -> None:
    short = read_settings({"archive_after_days": 30, "erase_after_days": 1_200})

    assert (short.archives_after, short.erases_after) == (1_100, 1_200)
    early, due = (planned([MARCH], [], short, today=LAST + days) for days in (1_100, 1_101))
    assert [one.action for one in early + due] == ["keep", "archive"]
    assert "archive_after_days is 1100" in early[0].reason


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(SettingsError, match="cold_storage"):
        read_settings({"archive_after_days": 0})
