from datetime import date

import pytest

from deploy.lab.keys_file import LabKeys
from deploy.lab.load_spec import FAULTS, LoadSpec, split_by_edge, split_by_tenant
from meter_emulator.faults import FAULTS as EMULATED

KEYS = LabKeys(admin="a", tenants={"basra-power": "k1", "tigris-energy": "k2"}, zones={})


def spec(meters: int) -> LoadSpec:
    return LoadSpec(meters=meters, seed=1, first_day=date(2026, 1, 30), days=3)


@pytest.mark.parametrize(
    ("meters", "counts"), [(1, [1]), (2, [1, 1]), (1_001, [501, 500])], ids=str
)
def test_meters_are_shared_out_evenly(meters: int, counts: list[int]) -> None:
    assert [load.count for load in split_by_tenant(spec(meters), KEYS)] == counts


def test_the_papers_load_is_one_tenants() -> None:
    paper = LoadSpec(meters=5, seed=1, first_day=date(2026, 1, 1), preset="paper")

    (load,) = split_by_tenant(paper, KEYS)
    assert (load.tenant, load.count, load.preset) == ("basra-power", 1_000, "paper")


def test_each_tenants_meters_speak_to_both_edges() -> None:
    first, second = split_by_edge(split_by_tenant(spec(10), KEYS), edges=2)

    assert [(one.load.tenant, one.part, one.parts) for one in first] == [
        ("basra-power", 0, 2),
        ("tigris-energy", 0, 2),
    ]
    assert [one.part for one in second] == [1, 1]


def test_a_fleet_of_one_speaks_to_one_edge() -> None:
    shares = split_by_edge(split_by_tenant(spec(1), KEYS), edges=2)

    assert [len(share) for share in shares] == [1, 0]


def test_days_are_counted_from_the_first() -> None:
    assert spec(1).last_day == date(2026, 2, 1)


def test_the_faults_are_the_emulators() -> None:
    assert tuple(EMULATED) == FAULTS
