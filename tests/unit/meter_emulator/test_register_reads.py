"""Cumulative registers agree with the intervals between their reads."""

from datetime import date, timedelta

import numpy as np
import pytest

from meter_emulator.fleet import Fleet
from meter_emulator.register_reads import reads_at_midnight

INSTALLED = date(2026, 6, 1)
FLEET = Fleet(tenant="basra", count=20, seed=1, pv_share=0.5)


def test_registers_start_where_they_were_installed() -> None:
    reads = reads_at_midnight(meters=FLEET, day=INSTALLED, installed=INSTALLED, first_wh=7)

    assert [read.register for read in reads] == ["1-0:1.8.0", "1-0:2.8.0"]
    assert [set(read.wh.tolist()) for read in reads] == [{7}, {7}]


@pytest.mark.parametrize("dials", [8, 4])
def test_the_difference_of_two_reads_is_the_day_between_them(dials: int) -> None:
    day = INSTALLED + timedelta(days=2)
    before, after = (
        reads_at_midnight(meters=FLEET, day=at, installed=INSTALLED, dials=dials)
        for at in (day, day + timedelta(days=1))
    )

    for first, second, intervals in zip(before, after, FLEET.day(day), strict=True):
        used = (second.wh - first.wh) % 10**dials
        assert np.array_equal(used, intervals.energy_wh.sum(axis=1) % 10**dials)
        assert second.wh.max() < 10**dials


def test_few_dials_roll_over() -> None:
    wide, narrow = (
        reads_at_midnight(
            meters=FLEET, day=INSTALLED + timedelta(days=3), installed=INSTALLED, dials=dials
        )[0].wh
        for dials in (8, 4)
    )

    assert (wide >= 10_000).any()
    assert np.array_equal(narrow, wide % 10_000)


def test_a_meter_has_no_reads_before_it_was_installed() -> None:
    with pytest.raises(ValueError, match="before the meters were installed"):
        reads_at_midnight(meters=FLEET, day=INSTALLED - timedelta(days=1), installed=INSTALLED)
