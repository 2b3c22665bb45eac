"""The one place where the request for a container is made, from a closed set of fields."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from zones.providers.docker.frames import Start

CHANNEL_FOLDER = "/run/gridfaas"
"""Where a container finds the folder of its own that it shares with the agent."""

INSTALLATION = "gridfaas.installation"
ZONE = "gridfaas.zone"
CONTAINER = "gridfaas.container"
TENANT = "gridfaas.tenant"
FUNCTION = "gridfaas.function"
VERSION = "gridfaas.version"

# An interpreter with the runtime's libraries, before a function allocates anything.
BASE_MEMORY_MB = 96
# The init process and the interpreter; the rest is the function's.
BASE_PIDS = 2
MIB = 1024 * 1024


class FolderOutside(Exception):
    """A folder that containers of this zone may not see, or that the engine does not see."""


class NoUserOfOurs(Exception):
    """A user that containers of this zone may not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What is the same for every container of a zone, told to the spawner at its start.

    `channels` has one folder a container, `roots` hold the folders of functions, `shared` are
    folders with the sockets of the zone's stores; all are absolute paths. They are those of the
    engine's host unless the spawner is in a container itself: then `mounted` says where on the
    host each folder is that it shares with the agent.
    """

    installation: str
    zone: str
    image: str
    channels: Path
    roots: tuple[Path, ...]
    shared: tuple[Path, ...]
    mounted: dict[str, str] | None = None
    lowest_uid: int = 1
    """Users below it are the machine's own, and none of ours."""

    def on_host(self, path: Path) -> Path:
        """Return where the engine finds `path`.

        Raises:
            FolderOutside: it is in nothing that the engine mounted.
        """
        if self.mounted is None:
            return path
        for above in (path, *path.parents):
            if (source := self.mounted.get(str(above))) is not None:
                return Path(source) / path.relative_to(above)
        raise FolderOutside(f"the engine does not see {path}")

    @property
    def labels(self) -> dict[str, str]:
        """What marks everything that this zone made."""
        return {INSTALLATION: self.installation, ZONE: self.zone}


def encode_site(site: Site) -> str:
    """Write a site as JSON, for the spawner's command line: there is no secret in it."""
    return msgspec.json.encode(site, enc_hook=str).decode()


def decode_site(text: str) -> Site:
    """Read what `encode_site` wrote.

    Raises:
        msgspec.DecodeError: it is something else.
    """
    return msgspec.json.decode(text, type=Site, dec_hook=lambda kind, value: kind(value))


def container_options(order: Start, site: Site) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what docker-py's create_container and create_host_config take for `order`.

    Raises:
        FolderOutside: the function's folder, its environment's or the channel's is elsewhere.
        NoUserOfOurs: it would run as somebody who may be known on the machine.
    """
    if min(order.uid, order.gid) < site.lowest_uid:
        raise NoUserOfOurs(f"{order.uid}:{order.gid} may be somebody of this machine")
    seen = {CHANNEL_FOLDER: _inside(site.channels / order.id, (site.channels,))}
    for folder in (order.folder, order.env):
        if folder is not None:
            seen[folder] = _inside(Path(folder), site.roots)
    seen |= {str(path): path for path in site.shared}
    memory = (BASE_MEMORY_MB + order.memory_mb + order.disk_mb) * MIB if order.memory_mb else None
    mounts = [_mount(site.on_host(path), target) for target, path in seen.items()]
    container = {
        "image": site.image,
        "name": f"gridfaas-{site.zone}-{order.function}-{order.id}",
        "command": ["python", "-m", "functions.runtime.container", f"{CHANNEL_FOLDER}/channel"],
        "user": f"{order.uid}:{order.gid}",
        "working_dir": "/",
        "labels": {
            **site.labels,
            CONTAINER: order.id,
            TENANT: order.tenant,
            FUNCTION: order.function,
            VERSION: str(order.version),
        },
    }
    host = {
        # A network namespace of its own with nothing in it but its own loopback.
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "privileged": False,
        "init": True,
        "pids_limit": BASE_PIDS + order.pids,
        "nano_cpus": int(order.cpu * 1e9),
        "mem_limit": memory,
        # The same as mem_limit: no swap.
        "memswap_limit": memory,
        "shm_size": MIB,
        # Pages of /tmp count as the container's memory.
        "tmpfs": {"/tmp": f"rw,nosuid,nodev,noexec,size={order.disk_mb}m,mode=1777"},
        "mounts": mounts,
        "ipc_mode": "private",
        "restart_policy": {"Name": "no"},
        "log_config": {"type": "json-file", "config": {"max-size": "256k", "max-file": "1"}},
        "ulimits": [{"name": "core", "soft": 0, "hard": 0}],
    }
    return container, host


def _inside(path: Path, roots: tuple[Path, ...]) -> Path:
    # Resolved: no link must lead out of the roots.
    try:
        real = path.resolve(strict=True)
    except OSError as error:
        raise FolderOutside(f"{path}: {error.strerror}") from error
    for root in (root.resolve() for root in roots):
        if real != root and real.is_relative_to(root):
            return real
    raise FolderOutside(f"{path} is in no folder for functions")


def _mount(source: Path, target: str) -> dict[str, Any]:
    return {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": True}
