from pathlib import Path

import pytest

from deploy.lab.topology import (
    UnusableDesign,
    edges,
    gateway_url,
    headquarters,
    hot_zones,
    lab_topology,
    zone_entries,
)


def test_the_lab_is_a_headquarters_a_fog_and_two_edges() -> None:
    topology = lab_topology()

    assert headquarters(topology).name == "zone-1"
    assert [zone.name for zone in hot_zones(topology)] == ["zone-2", "zone-3a", "zone-3b"]
    assert [gateway_url(zone) for zone in edges(topology)] == [
        "http://127.0.0.1:8083",
        "http://127.0.0.1:8084",
    ]
    assert [entry.parent for entry in zone_entries(topology)] == [
        *(None, "zone-1"),
        *("zone-2", "zone-2"),
    ]


def test_other_ports_are_given_from_headquarters_down() -> None:
    topology = lab_topology(first_port=9000)

    assert [(zone.name, zone.port) for zone in topology.zones] == [
        ("zone-1", 9000),
        ("zone-2", 9001),
        ("zone-3a", 9002),
        ("zone-3b", 9003),
    ]


def test_a_design_without_an_edge_is_refused(tmp_path: Path) -> None:
    design = tmp_path / "d.yaml"
    design.write_text("zones: [{name: zone-1, tier: 1, port: 8081}]\n")

    with pytest.raises(UnusableDesign, match="no zone of tier 3"):
        lab_topology(design)


def test_a_missing_design_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableDesign, match=r"d\.yaml"):
        lab_topology(tmp_path / "d.yaml")
