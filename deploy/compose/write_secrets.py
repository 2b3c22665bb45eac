"""`python -m deploy.compose.write_secrets`: every secret of the containers, each where it is read.

Runs once before the other containers. A container mounts the one volume that is its own, so that
none of them holds what another one needs. Passwords and keys are made once and then kept.
"""

import os
from pathlib import Path

import msgspec

from deploy.compose.layout import SECRETS, database_url, platform_keys, redis_url, topology
from deploy.compose.redis_conf import redis_conf
from deploy.lab.keys_file import LabKeys
from deploy.lab.topology import headquarters
from deploy.servers.secret_file import lasting_password, write_secret

# Servers run under accounts of their own; nobody else mounts their volume.
READ_BY_A_SERVER = 0o444
READ_BY_US = 0o400


def write_secrets(folder: Path, *, hot_memory: str) -> None:
    """Write below `folder`, which has a folder for each container that reads a secret."""
    kept = folder / "keys"
    keys = platform_keys(kept)
    postgres = lasting_password(kept / "postgres_password")
    metrics_key = keys.metrics
    zones = topology()
    hq = headquarters(zones).name
    _give(folder / "postgres", {"password": postgres}, mode=READ_BY_A_SERVER)
    _give(folder / "prometheus", {"metrics_key": metrics_key}, mode=READ_BY_A_SERVER)
    grafana = lasting_password(kept / "grafana_password")
    _give(folder / "grafana", {"password": grafana}, mode=READ_BY_A_SERVER)
    _give(folder / "load", {"keys.json": _tenants_only(keys)})
    _give(folder / f"agent-{hq}", {"database_url": database_url(postgres)})
    _give(
        folder / f"gateway-{hq}",
        {"database_url": database_url(postgres), "metrics_key": metrics_key},
    )
    for zone in zones.zones:
        password = lasting_password(kept / f"redis-{zone.name}_password")
        conf = redis_conf(password=password, max_memory=hot_memory)
        _give(
            folder / f"redis-{zone.name}",
            {"redis.conf": conf, "password": password},
            mode=READ_BY_A_SERVER,
        )
        _give(
            folder / f"agent-{zone.name}",
            {"redis_url": redis_url(zone, password), "zone_credential": keys.zones[zone.name]},
        )
        _give(folder / f"gateway-{zone.name}", {"metrics_key": metrics_key})


def _give(folder: Path, secrets: dict[str, str], *, mode: int = READ_BY_US) -> None:
    for name, text in secrets.items():
        write_secret(folder / name, text)
        (folder / name).chmod(mode)


def _tenants_only(keys: LabKeys) -> str:
    return msgspec.json.encode(
        msgspec.structs.replace(keys, admin="", zones={}, metrics="")
    ).decode()


def main() -> None:
    """Write the secrets of this stack."""
    write_secrets(SECRETS, hot_memory=os.environ["HOT_STORE_MEMORY"])


if __name__ == "__main__":
    main()
