"""Writes the standard load profiles of this folder from demandlib; see README.md beside it.

Run it with the Python of a scratch environment that holds demandlib: the emulator itself needs
neither demandlib nor pandas.
"""

import argparse
import csv
import importlib
from pathlib import Path
from typing import Any

YEAR = 2023
PROFILES = ("h0", "g0", "l0")
SEASON_STARTS = (
    ((1, 1), "winter"),
    ((3, 21), "transition"),
    ((5, 15), "summer"),
    ((9, 15), "transition"),
    ((11, 1), "winter"),
)
DAY_TYPES = {5: "saturday", 6: "sunday"}


def season_of(month: int, day: int) -> str:
    """Return the VDEW season of a date."""
    return [name for start, name in SEASON_STARTS if start <= (month, day)][-1]


def day_rows(power_kw: Any) -> dict[tuple[str, str], list[str]]:
    """Return watts a quarter hour by season and day type from one year's kW series.

    Raises:
        ValueError: two days of one season and day type differ, so the table would lose something.
    """
    rows: dict[tuple[str, str], list[str]] = {}
    for date, values in power_kw.groupby(power_kw.index.date):
        key = (season_of(date.month, date.day), DAY_TYPES.get(date.weekday(), "workday"))
        watts = [f"{value * 1000:.4f}" for value in values]
        if rows.setdefault(key, watts) != watts:
            raise ValueError(f"{key}: {date} differs from an earlier day of its kind")
    return rows


def main() -> None:
    """Write the table to the path given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    path: Path = parser.parse_args().path
    bdew = importlib.import_module("demandlib.bdew")
    frame = bdew.ElecSlp(year=YEAR).get_scaled_power_profiles(dict.fromkeys(PROFILES, 1000))
    with path.open("w", newline="", encoding="ascii") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["profile", "season", "day_type", *(f"q{q:02}" for q in range(96))])
        for profile in PROFILES:
            for (season, day_type), watts in sorted(day_rows(frame[profile]).items()):
                table.writerow([profile, season, day_type, *watts])


if __name__ == "__main__":
    main()
