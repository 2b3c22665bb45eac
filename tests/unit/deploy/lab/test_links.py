from pathlib import Path

from deploy.lab.home import Home
from deploy.lab.service_env import zone_env
from deploy.lab.topology import lab_topology

PARENT = "GRIDFAAS_PARENT_URL"


def design(folder: Path, *, link: str) -> Path:
    path = folder / "design.yaml"
    path.write_text(
        "zones:\n"
        "  - {name: hq, tier: 1, port: 9001}\n"
        "  - {name: fog, tier: 2, parent: hq, port: 9002}\n"
        f"  - {{name: edge, tier: 3, parent: fog, port: 9003{link}}}\n"
    )
    return path


def test_a_zone_calls_its_parents_gateway(tmp_path: Path) -> None:
    topology = lab_topology(design(tmp_path, link=""))
    home = Home(tmp_path / "state", tmp_path / "run")

    assert [zone_env(home, zone, topology).get(PARENT) for zone in topology.zones] == [
        None,
        "http://127.0.0.1:9001",
        "http://127.0.0.1:9002",
    ]


def test_a_zone_calls_the_link_that_stands_before_its_parent(tmp_path: Path) -> None:
    topology = lab_topology(design(tmp_path, link=", uplink_port: 9100"))
    home = Home(tmp_path / "state", tmp_path / "run")

    assert zone_env(home, topology.zone("edge"), topology)[PARENT] == "http://127.0.0.1:9100"
    assert zone_env(home, topology.zone("fog"), topology)[PARENT] == "http://127.0.0.1:9001"
