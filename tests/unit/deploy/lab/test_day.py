from datetime import date, timedelta
from pathlib import Path

from deploy.lab.day import FIRST_DAY, take_day

TODAY = date(2026, 11, 21)


def test_the_first_run_takes_the_first_day(tmp_path: Path) -> None:
    assert take_day(tmp_path / "day.json", today=TODAY) == FIRST_DAY


def test_each_run_takes_the_next_day(tmp_path: Path) -> None:
    days = [take_day(tmp_path / "day.json", today=TODAY) for _ in range(3)]

    assert days == [FIRST_DAY + timedelta(days=n) for n in range(3)]


def test_no_day_is_taken_twice_nor_before_it_is_over(tmp_path: Path) -> None:
    today = FIRST_DAY + timedelta(days=2)
    days = [take_day(tmp_path / "day.json", today=today) for _ in range(6)]

    assert len(set(days)) == 6
    assert max(days) < today


def test_a_clock_before_the_first_day_replays_yesterday(tmp_path: Path) -> None:
    assert take_day(tmp_path / "day.json", today=date(2025, 7, 2)) == date(2025, 7, 1)
