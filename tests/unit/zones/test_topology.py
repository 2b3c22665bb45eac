from pathlib import Path

import pytest

from zones.topology import DesignError, load_topology


def test_the_lab_has_two_edges_below_one_fog() -> None:
    topology = load_topology()

    assert [(z.name, z.tier, z.parent, z.port) for z in topology.zones] == [
        ("zone-1", 1, None, 8081),
        ("zone-2", 2, "zone-1", 8082),
        ("zone-3a", 3, "zone-2", 8083),
        ("zone-3b", 3, "zone-2", 8084),
    ]


def test_parents_come_before_children_whatever_the_file_says(tmp_path: Path) -> None:
    design = tmp_path / "design.yaml"
    design.write_text(
        "zones: [{name: fog, tier: 2, parent: hq, port: 2}, {name: hq, tier: 1, port: 1}]"
    )

    assert [zone.name for zone in load_topology(design).zones] == ["hq", "fog"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("zones: []", "$.zones", id="no_zones"),
        pytest.param("zones: [{name: hq, tier: 1}]", "port", id="no_port"),
        pytest.param("zones: [{name: hq, tier: 4, port: 1}]", "$.zones[0].tier", id="tier_4"),
        pytest.param("zones: [{name: HQ, tier: 1, port: 1}]", "$.zones[0].name", id="capitals"),
        pytest.param(
            "zones: [{name: hq, tier: 1, port: 1, colour: red}]", "colour", id="unknown_field"
        ),
        pytest.param(
            "zones: [{name: hq, tier: 1, port: 1}, {name: hq, tier: 2, parent: hq, port: 2}]",
            "$.zones[1].name",
            id="name_twice",
        ),
        pytest.param(
            "zones: [{name: hq, tier: 1, port: 1}, {name: fog, tier: 2, parent: hq, port: 1}]",
            "$.zones[1].port",
            id="port_twice",
        ),
        pytest.param(
            "zones: [{name: hq, tier: 1, port: 1}, {name: edge, tier: 3, parent: hq, port: 2}]",
            "$.zones[1].parent",
            id="edge_right_below_hq",
        ),
        pytest.param(
            "zones: [{name: hq, tier: 1, port: 1}, {name: fog, tier: 2, port: 2}]",
            "$.zones[1].parent",
            id="fog_without_parent",
        ),
        pytest.param(
            "zones: [{name: hq, tier: 1, port: 1}, {name: two, tier: 1, port: 2}]",
            "$.zones",
            id="two_headquarters",
        ),
        pytest.param("zones: [", "design.yaml", id="not_yaml"),
    ],
)
def test_a_faulty_design_is_refused_by_file_and_field(
    tmp_path: Path, text: str, fault: str
) -> None:
    design = tmp_path / "design.yaml"
    design.write_text(text)

    with pytest.raises(DesignError) as refused:
        load_topology(design)

    assert str(design) in str(refused.value)
    assert fault in str(refused.value)
