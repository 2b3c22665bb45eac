"""What the processes of a zone are told: settings by environment, secrets as files."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from deploy.lab.home import CLONE, Home
from deploy.lab.ports import HOST
from deploy.lab.topology import gateway_url, parent_url
from deploy.servers.secret_file import write_secret
from zones.topology import Topology, Zone

LOG_CONFIG = CLONE / "deploy" / "logging.json"
SERVICE_SETTINGS = "GRIDFAAS_SERVICE_SETTINGS"
# Only these cross from our environment: a stray DATABASE_URL or PYTHONPATH must not.
PASSED_ON = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"),
    *(SERVICE_SETTINGS, "GRIDFAAS_PRICE_LISTS"),
    *("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"),
    *("GRIDFAAS_DOCKER_IMAGE", "GRIDFAAS_DOCKER_PAUSED"),
)


def write_zone_secrets(home: Home, zone: Zone, secrets: dict[str, str]) -> None:
    """Write the zone's secrets, each to a file of its own (0600); other files in the folder go.

    Under root workers pass through the zone's folder to the code of their functions.
    """
    folder = secrets_folder(home, zone)
    folder.mkdir(parents=True, exist_ok=True)
    state = home.zone_state(zone.name)
    for passed in (state.parent, state):
        passed.chmod(0o711 if os.geteuid() == 0 else 0o700)
    folder.chmod(0o700)
    for stale in folder.iterdir():
        # Folders are an operator's: secrets of services that serve some tenants only.
        if stale.name not in secrets and not stale.is_dir():
            stale.unlink()
    for name, text in secrets.items():
        write_secret(folder / name, text)


def make_zone_run(home: Home, zone: Zone) -> None:
    """Make the zone's folder for sockets; workers pass through it with uids of their own."""
    folder = home.zone_run(zone.name)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def zone_env(home: Home, zone: Zone, topology: Topology) -> dict[str, str]:
    """Return the environment of the zone's agent and gateway."""
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    env |= {
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(CLONE),
        "GRIDFAAS_ZONE": zone.name,
        "GRIDFAAS_TIER": str(zone.tier),
        "GRIDFAAS_STATE_DIR": str(home.zone_state(zone.name)),
        "GRIDFAAS_RUN_DIR": str(home.zone_run(zone.name)),
        "GRIDFAAS_SECRETS_DIR": str(secrets_folder(home, zone)),
        "GRIDFAAS_LOG_CONFIG": str(LOG_CONFIG),
        "GRIDFAAS_GATEWAY_URL": gateway_url(zone),
        "GRIDFAAS_PROVIDER": os.environ.get("GRIDFAAS_PROVIDER", zone.provider),
    }
    if settings := _service_settings(zone, topology, given=env.get(SERVICE_SETTINGS)):
        env[SERVICE_SETTINGS] = settings
    parent = parent_url(topology, zone)
    if parent is not None:
        env["GRIDFAAS_PARENT_URL"] = parent
    return env


def _service_settings(zone: Zone, topology: Topology, *, given: str | None) -> str | None:
    """What is given, over what the design says."""
    said = topology.service_settings(zone)
    if not said:
        return given
    for service, names in json.loads(given or "{}").items():
        said[service] = said.get(service, {}) | names
    return json.dumps(said)


def gateway_env(home: Home, zone: Zone, topology: Topology) -> dict[str, str]:
    """Return the environment of the zone's gateway."""
    listen = {"GRIDFAAS_HOST": HOST, "GRIDFAAS_PORT": str(zone.port)}
    return zone_env(home, zone, topology) | listen


def archiver_env(home: Home, *, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the archiver: where the record is, and who may write the copy."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    login = {name: text for name, text in environ.items() if name.startswith("AWS_")}
    if "DATABASE_URL" in environ:
        login["DATABASE_URL"] = environ["DATABASE_URL"]
    return {
        **passed,
        **login,
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(CLONE),
        "GRIDFAAS_HOME": str(home.state),
        "GRIDFAAS_LOG_CONFIG": str(LOG_CONFIG),
    }


def secrets_folder(home: Home, zone: Zone) -> Path:
    """Where the zone's secrets are."""
    return home.zone_state(zone.name) / "secrets"
