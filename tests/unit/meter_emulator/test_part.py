"""The parts of a fleet are the fleet: no meter twice, none missing, no reading changed."""

from datetime import date

import pytest

from meter_emulator.fleet import Fleet
from meter_emulator.meters import EXPORT_REGISTER, Meters
from meter_emulator.paper_preset import PaperFleet
from meter_emulator.part import Part

DAY = date(2026, 6, 1)
HOMES = Fleet(tenant="acme", count=11, seed=3, pv_share=0.5)


def readings(meters: Meters) -> dict[tuple[str, str], list[int]]:
    ids = meters.meter_ids()
    return {
        (ids[row], one.register): energy
        for one in meters.day(DAY)
        for row, energy in zip(one.rows.tolist(), one.energy_wh.tolist(), strict=True)
    }


@pytest.mark.parametrize("of", [1, 2, 3, 11])
@pytest.mark.parametrize(
    "whole", [HOMES, PaperFleet(tenant="acme", seed=3)], ids=["homes", "paper"]
)
def test_the_parts_together_are_the_fleet(whole: Meters, of: int) -> None:
    parts = [Part(meters=whole, number=n, of=of) for n in range(of)]

    together = [reading for part in parts for reading in readings(part).items()]
    assert len(together) == whole.series == sum(part.series for part in parts)
    assert dict(together) == readings(whole)
    registered = [meter for part in parts for meter in part.registry()]
    assert sorted(registered, key=lambda meter: meter["meter_id"]) == whole.registry()


def test_a_meter_stays_in_its_part_when_the_fleet_grows() -> None:
    grown = Fleet(tenant="acme", count=30, seed=3, pv_share=0.5)
    for number in range(2):
        small = Part(meters=HOMES, number=number, of=2).registry()
        assert small == Part(meters=grown, number=number, of=2).registry()[: len(small)]


def test_a_part_reports_what_its_registry_says() -> None:
    for number in range(11):
        part = Part(meters=HOMES, number=number, of=11)
        registered = {
            (meter["meter_id"], register)
            for meter in part.registry()
            for register in meter["registers"]
        }
        assert set(readings(part)) == registered
    assert {register for _, register in readings(HOMES)} >= {EXPORT_REGISTER}


@pytest.mark.parametrize(("number", "of"), [(2, 2), (-1, 2), (0, 0), (11, 12)])
def test_a_part_that_is_not_there_is_refused(number: int, of: int) -> None:
    with pytest.raises(ValueError, match=f"part {number} of {of}"):
        Part(meters=HOMES, number=number, of=of)
