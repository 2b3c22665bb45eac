from datetime import date, timedelta
from pathlib import Path

from deploy.lab.day import FIRST_DAY, take_days

TODAY = date(2026, 11, 21)


def test_the_first_run_takes_the_first_day(tmp_path: Path) -> None:
    assert take_days(tmp_path / "day.json", days=1, today=TODAY) == FIRST_DAY


def test_each_run_takes_the_next_day(tmp_path: Path) -> None:
    days = [take_days(tmp_path / "day.json", days=1, today=TODAY) for _ in range(3)]

    assert days == [FIRST_DAY + timedelta(days=n) for n in range(3)]


def test_no_day_is_taken_twice_nor_before_it_is_over(tmp_path: Path) -> None:
    today = FIRST_DAY + timedelta(days=2)
    days = [take_days(tmp_path / "day.json", days=1, today=today) for _ in range(6)]

    assert len(set(days)) == 6
    assert max(days) < today


def test_days_that_are_taken_together_follow_each_other(tmp_path: Path) -> None:
    path = tmp_path / "day.json"

    assert take_days(path, days=10, today=TODAY) == FIRST_DAY
    assert take_days(path, days=1, today=TODAY) == FIRST_DAY + timedelta(days=10)


def test_what_does_not_fit_before_today_goes_before_the_first_day(tmp_path: Path) -> None:
    path, today = tmp_path / "day.json", FIRST_DAY + timedelta(days=3)
    assert take_days(path, days=1, today=today) == FIRST_DAY

    assert take_days(path, days=3, today=today) == FIRST_DAY - timedelta(days=3)
    assert take_days(path, days=2, today=today) == FIRST_DAY + timedelta(days=1)


def test_a_clock_before_the_first_day_replays_yesterday(tmp_path: Path) -> None:
    assert take_days(tmp_path / "day.json", days=1, today=date(2025, 7, 2)) == date(2025, 7, 1)
