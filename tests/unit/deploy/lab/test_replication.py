"""A design's replication reaches the services of tier 2, under what the environment says."""

import json
from pathlib import Path

import pytest

from deploy.lab.home import Home, find_home
from deploy.lab.service_env import SERVICE_SETTINGS, zone_env
from zones.topology import DESIGNS, LAB, load_topology


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return find_home(environ={"GRIDFAAS_HOME": str(tmp_path)})


def test_lazy_is_said_to_tier_2_alone(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SERVICE_SETTINGS, json.dumps({"traffic_scheduling": {"lazy_after_s": 5}}))
    design = load_topology(DESIGNS / "lazy.yaml")

    said = {
        zone.name: json.loads(zone_env(home, zone, design)[SERVICE_SETTINGS])
        for zone in design.zones
    }

    assert said["zone-2"] == {
        "traffic_scheduling": {"replication": "lazy", "lazy_after_s": 5},
        "hot_storage": {"replication": "lazy"},
    }
    assert said["zone-3a"] == said["zone-1"] == {"traffic_scheduling": {"lazy_after_s": 5}}


def test_eager_says_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVICE_SETTINGS, raising=False)
    design = load_topology(LAB)

    assert all(SERVICE_SETTINGS not in zone_env(home, zone, design) for zone in design.zones)
