"""What the provider reads of a worker's configuration, and what it changes for a container."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import msgspec

from zones.providers.docker.frames import Start
from zones.providers.port import FIRST_UID, LaunchRefused

# On the container's own loopback; a port of its own, since one below 1024 may be refused.
GATEWAY_PORT = 8080
# Where a path or a number names one worker, and nothing that it does.
_OF_ONE_WORKER = ("socket", "tmp_dir")


class ConfigUnreadable(LaunchRefused):
    """The configuration is not one of a worker that can live in a container."""


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    function: str
    tenant: str
    tenant_number: int = 0
    socket: str
    gateway_url: str
    version: int = 0
    uid: int | None = None
    gid: int | None = None
    memory_mb: int = 0
    cpu: float = 1.0
    pids: int = 64
    disk_mb: int = 64
    folder: str | None = None
    env: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Whose containers may stand in for one another: same tenant, function, version, settings."""

    tenant: str
    function: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A launch as the provider sees it; `gateway` is where the zone's gateway listens, if plain."""

    kind: Kind
    start: Start
    socket: str
    config: bytes
    gateway: tuple[str, int] | None


def read_facts(
    container: str, config: bytes, *, own_uid: int, own_gid: int, tenant_uids: bool = False
) -> Facts:
    """Read a WorkerConfig as JSON, for a container of that id.

    A worker without a uid of its own gets `own_uid`, or with `tenant_uids` its tenant's.

    Raises:
        ConfigUnreadable: a field that a container needs is missing, or out of its range.
    """
    try:
        facts = msgspec.json.decode(config, type=_Facts)
        content: dict[str, Any] = msgspec.json.decode(config)
        if tenant_uids:
            own_uid = own_gid = FIRST_UID + facts.tenant_number
        start = msgspec.convert(
            {
                "op": "start",
                "id": container,
                "tenant": facts.tenant,
                "function": facts.function,
                "version": facts.version,
                "uid": own_uid if facts.uid is None else facts.uid,
                "gid": own_gid if facts.gid is None else facts.gid,
                "memory_mb": facts.memory_mb,
                "cpu": facts.cpu,
                "pids": facts.pids,
                "disk_mb": facts.disk_mb,
                "folder": facts.folder,
                "env": facts.env,
            },
            Start,
        )
    except msgspec.DecodeError as error:
        raise ConfigUnreadable(f"worker configuration: {error}") from error
    # In the container it is that user from the first moment.
    content["uid"] = content["gid"] = None
    content["tmp_dir"] = "/tmp"
    gateway = _gateway(facts.gateway_url)
    if gateway is not None:
        content["gateway_url"] = f"http://127.0.0.1:{GATEWAY_PORT}"
    lasting = {name: value for name, value in content.items() if name not in _OF_ONE_WORKER}
    digest = hashlib.sha256(msgspec.json.encode(lasting, order="deterministic")).hexdigest()
    return Facts(
        kind=Kind(
            tenant=facts.tenant, function=facts.function, version=facts.version, digest=digest
        ),
        start=start,
        socket=facts.socket,
        config=msgspec.json.encode(content),
        gateway=gateway,
    )


def _gateway(url: str) -> tuple[str, int] | None:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return None
    return parts.hostname, parts.port or 80
