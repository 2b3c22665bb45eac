from pathlib import Path

import pytest

from deploy.lab.topology import (
    UnusableDesign,
    edges,
    gateway_url,
    headquarters,
    hot_zones,
    lab_topology,
    link_ports,
    meters_url,
    named_design,
    parent_url,
    prometheus_port,
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


def test_a_design_with_links_gives_each_a_port_after_prometheus() -> None:
    topology = lab_topology(named_design("fc-ec"), first_port=9000)

    assert prometheus_port(topology) == 9004
    assert link_ports(topology) == [9005, 9006, 9007, 9008, 9009, 9010]
    assert {zone.name: parent_url(topology, zone) for zone in topology.zones} == {
        "zone-1": None,
        "zone-2": "http://127.0.0.1:9005",
        "zone-3a": "http://127.0.0.1:9006",
        "zone-3b": "http://127.0.0.1:9007",
    }
    assert [meters_url(zone) for zone in edges(topology)] == [
        "http://127.0.0.1:9008",
        "http://127.0.0.1:9009",
    ]
    assert gateway_url(topology.zone("zone-3a")) == "http://127.0.0.1:9002"


def test_without_links_meters_and_zones_call_gateways() -> None:
    topology = lab_topology()

    assert link_ports(topology) == []
    for zone in edges(topology):
        assert meters_url(zone) == gateway_url(zone)
        assert parent_url(topology, zone) == gateway_url(topology.zone("zone-2"))


def test_links_of_a_design_with_other_zones_are_refused() -> None:
    with pytest.raises(UnusableDesign, match=r"containers\.yaml: its zones are not those of lab"):
        named_design("containers")


def test_an_unknown_design_is_named() -> None:
    with pytest.raises(UnusableDesign, match="no-such-design"):
        named_design("no-such-design")
