"""What the lab's zones are told in secret."""

import stat
from pathlib import Path

from deploy.lab.home import Home
from deploy.lab.keys_file import lasting_keys
from deploy.lab.processes import Stores, plan_services
from deploy.lab.service_env import secrets_folder, write_zone_secrets
from deploy.lab.topology import lab_topology


def test_every_gateway_asks_for_a_metrics_key_that_lasts(tmp_path: Path) -> None:
    home, topology = Home(tmp_path / "state", tmp_path / "run"), lab_topology()
    home.state.mkdir()
    zones = [zone.name for zone in topology.zones]
    keys = lasting_keys(home.state / "keys.json", tenants=["acme"], zones=zones)
    again = lasting_keys(home.state / "keys.json", tenants=["acme"], zones=zones)
    stores = Stores(
        database_url="postgresql://", redis_urls=dict.fromkeys(zones, "unix://"), servers={}
    )

    plan_services(home, topology, stores=stores, keys=keys)

    assert keys.metrics == again.metrics
    assert len(keys.metrics) > 30
    for zone in topology.zones:
        secret = secrets_folder(home, zone) / "metrics_key"
        assert secret.read_text() == keys.metrics
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_what_an_operator_put_there_for_a_tenant_stays(tmp_path: Path) -> None:
    home, zone = Home(tmp_path / "state", tmp_path / "run"), lab_topology().zones[-1]
    folder = secrets_folder(home, zone)
    theirs = folder / "mqtt_intake" / "acme" / "password"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("of the broker")
    (folder / "of_an_earlier_release").write_text("stale")

    write_zone_secrets(home, zone, {"zone_credential": "gf_k"})

    assert theirs.read_text() == "of the broker"
    assert sorted(one.name for one in folder.iterdir()) == ["mqtt_intake", "zone_credential"]
