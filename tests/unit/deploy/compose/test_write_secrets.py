import re
import stat
from pathlib import Path

import pytest

from deploy.compose.write_secrets import write_secrets
from deploy.lab.keys_file import read_keys

READERS = {
    "postgres": {"password"},
    "prometheus": {"metrics_key"},
    "grafana": {"password"},
    "load": {"keys.json"},
    "redis-zone-1": {"redis.conf", "password"},
    "redis-zone-2": {"redis.conf", "password"},
    "redis-zone-3a": {"redis.conf", "password"},
    "agent-zone-1": {"database_url", "redis_url", "zone_credential"},
    "agent-zone-2": {"redis_url", "zone_credential"},
    "agent-zone-3a": {"redis_url", "zone_credential"},
    "gateway-zone-1": {"database_url", "metrics_key"},
    "gateway-zone-2": {"metrics_key"},
    "gateway-zone-3a": {"metrics_key"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # As the image has it: a volume is mounted on it.
    (tmp_path / "keys").mkdir()
    write_secrets(tmp_path, hot_memory="64mb")
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[str(path.relative_to(folder))] = path.read_text()
    return found


def test_each_container_is_given_its_own_secrets_and_no_others(folder: Path) -> None:
    written = {
        reader.name: {path.name for path in reader.iterdir()}
        for reader in folder.iterdir()
        if reader.name != "keys"
    }

    assert written == READERS
    everything = texts(folder)
    fog_password = everything["redis-zone-2/password"]
    assert fog_password in everything["agent-zone-2/redis_url"]
    for reader in ("agent-zone-1", "agent-zone-3a", "gateway-zone-2", "redis-zone-3a", "load"):
        for name in READERS[reader]:
            assert fog_password not in everything[f"{reader}/{name}"]


def test_servers_read_theirs_and_ours_are_closed(folder: Path) -> None:
    for reader, names in READERS.items():
        server = reader.startswith(("postgres", "prometheus", "grafana", "redis"))
        for name in names:
            mode = stat.S_IMODE((folder / reader / name).stat().st_mode)
            assert mode == (0o444 if server else 0o400), (reader, name)
    for path in (folder / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_run_changes_nothing_but_the_bound(folder: Path) -> None:
    before = texts(folder)

    write_secrets(folder, hot_memory="128mb")

    after = texts(folder)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"redis-{zone}/redis.conf" for zone in ("zone-1", "zone-2", "zone-3a")}
    assert "maxmemory 128mb\n" in after["redis-zone-2/redis.conf"]


def test_the_load_knows_tenants_keys_only(folder: Path) -> None:
    given, kept = read_keys(folder / "load/keys.json"), read_keys(folder / "keys/keys.json")

    assert given.tenants == kept.tenants
    assert (given.admin, given.zones, given.metrics) == ("", {}, "")
    for other in (kept.admin, kept.metrics, *kept.zones.values()):
        assert other not in texts(folder)["load/keys.json"]


def test_redis_is_durable_before_it_answers_and_has_one_user(folder: Path) -> None:
    conf = texts(folder)["redis-zone-3a/redis.conf"]
    settings = dict(line.split(" ", 1) for line in conf.splitlines() if line)

    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["maxmemory"] == "64mb"
    users = re.findall(r"^user (\S+) (on|off)", conf, re.MULTILINE)
    assert users == [("default", "off"), ("admin", "on")]
    # The log is read as this user: what it may not run would be lost at a restart.
    assert "user default off resetpass ~* &* +@all\n" in conf
    # A hash, not the password itself.
    assert texts(folder)["redis-zone-3a/password"] not in conf
