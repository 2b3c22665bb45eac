from pathlib import Path

import pytest
import yaml

from zones.links.medium import DIRECTIONS, MEDIA, Line, MediaError, load_media
from zones.links.plan import link_plan
from zones.topology import DESIGNS, DesignError, load_topology

WITH_LINKS = ["containers.yaml", "fc-ec.yaml", "fc-ec-zero.yaml"]


def test_every_value_says_where_it_is_from() -> None:
    media = load_media()

    assert {"fibre-600km", "fibre-200km", "microwave-600km", "nan", "wan"} <= set(media)
    for medium in media.values():
        for part in (medium.delay_ms, medium.jitter_ms, medium.rate_mbps, medium.loss):
            assert part.source.startswith(("ITU-T ", "assumed: ", "control: ", "3.34 us", "the "))


def test_a_backup_is_slower_than_what_it_stands_in_for() -> None:
    media = load_media()
    for length in ("200km", "600km"):
        for direction in DIRECTIONS:
            fibre = media[f"fibre-{length}"].line(direction)
            radio = media[f"microwave-{length}"].line(direction)
            assert radio.delay_ms > fibre.delay_ms
            assert radio.loss > fibre.loss
            assert fibre.rate_mbps is not None
            assert radio.rate_mbps is not None
            assert radio.rate_mbps < fibre.rate_mbps


def test_the_control_changes_nothing() -> None:
    assert {load_media()["none"].line(direction) for direction in DIRECTIONS} == {Line()}


@pytest.mark.parametrize("name", WITH_LINKS)
def test_a_shipped_design_joins_every_zone_to_its_parent(name: str) -> None:
    topology = load_topology(DESIGNS / name)
    media = load_media()

    joined = {(link.below, link.above) for link in topology.links if link.below != "meters"}
    assert joined == {(zone.name, zone.parent) for zone in topology.zones if zone.parent}
    assert [link_plan(link, media).name for link in topology.links] == [
        link.name for link in topology.links
    ]


def test_the_fog_and_edge_design_has_the_labs_zones() -> None:
    lab = load_topology(DESIGNS / "lab.yaml")

    for name in ("fc-ec.yaml", "fc-ec-zero.yaml"):
        assert load_topology(DESIGNS / name).zones == lab.zones
    fibre = load_topology(DESIGNS / "fc-ec.yaml").links[0]
    assert (fibre.name, fibre.paths) == (
        "zone-2-to-zone-1",
        ["fibre-600km", "microwave-600km"],
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"jitter_ms": {"up": 9}}, "fibre-600km, up: jitter_ms", id="jitter"),
        pytest.param({"loss": {"up": 1.0}}, "$.media[0].loss.up", id="loss_of_all"),
        pytest.param({"rate_mbps": {"down": 0}}, "$.media[0].rate_mbps.down", id="no_rate"),
        pytest.param({"delay_ms": {"source": ""}}, "$.media[0].delay_ms.source", id="no_source"),
        pytest.param({"name": "fibre-200km"}, "twice", id="name_twice"),
        pytest.param({"colour": "red"}, "colour", id="unknown_field"),
    ],
)
def test_a_faulty_medium_is_refused(tmp_path: Path, change: dict[str, object], fault: str) -> None:
    file = yaml.safe_load(MEDIA.read_text())
    for key, value in change.items():
        if isinstance(value, dict):
            file["media"][0][key] |= value
        else:
            file["media"][0][key] = value
    path = tmp_path / "media.yaml"
    path.write_text(yaml.safe_dump(file))

    with pytest.raises(MediaError) as refused:
        load_media(path)
    assert str(path) in str(refused.value)
    assert fault in str(refused.value)


@pytest.mark.parametrize(
    ("links", "fault"),
    [
        pytest.param("{from: edge, to: hq, paths: [wan]}", "'hq' is not above", id="past_a_zone"),
        pytest.param("{from: sea, to: hq, paths: [wan]}", "not above 'sea'", id="no_such_zone"),
        pytest.param("{from: meters, to: fog, paths: [wan]}", "tier 3", id="meters_at_a_fog"),
        pytest.param("{from: edge, to: fog, paths: []}", "paths", id="no_path"),
        pytest.param("{from: edge, to: fog, paths: [wan, wan]}", "path twice", id="path_twice"),
        pytest.param(
            "{from: edge, to: fog, paths: [wan]}, {from: edge, to: fog, paths: [nan]}",
            "second link edge-to-fog",
            id="two_links",
        ),
    ],
)
def test_a_faulty_link_is_refused(tmp_path: Path, links: str, fault: str) -> None:
    design = tmp_path / "design.yaml"
    design.write_text(
        "zones:\n"
        "  - {name: hq, tier: 1, port: 1}\n"
        "  - {name: fog, tier: 2, parent: hq, port: 2}\n"
        "  - {name: edge, tier: 3, parent: fog, port: 3}\n"
        f"links: [{links}]\n"
    )

    with pytest.raises(DesignError) as refused:
        load_topology(design)
    assert fault in str(refused.value)
