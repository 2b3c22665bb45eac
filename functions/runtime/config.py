"""What a worker is told about itself, over an inherited pipe and nowhere else."""

from typing import Any

import msgspec


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One worker: a function of a tenant in a zone, with that tenant's credentials only."""

    function: str
    tenant: str
    zone: str
    tier: int
    socket: str
    gateway_url: str
    app: str | None = None
    """`module:factory` of a service of the platform; a tenant's function has a folder instead."""
    version: int = 0
    folder: str | None = None
    env: str | None = None
    """Where the function's own requirements are installed."""
    tmp_dir: str | None = None
    tenant_number: int = 0
    memory_mb: int = 0
    """MiB the worker may allocate beyond what it inherits; 0 for no limit."""
    timeout_s: int = 30
    concurrency: int = 32
    cpu: float = 1.0
    pids: int = 64
    disk_mb: int = 64
    redis_url: str | None = None
    database_url: str | None = None
    parent_url: str | None = None
    zone_credential: str | None = None
    state_dir: str | None = None
    """Of a service of the platform: what it keeps there outlives it, until the machine starts."""
    uid: int | None = None
    gid: int | None = None
    settings: dict[str, Any] = {}
    config: dict[str, str] = {}
    secrets: dict[str, str] = {}
    service_key: str | None = None
    """A key of this zone with which the function calls others of its tenant."""

    def __repr__(self) -> str:
        """Name the worker without its credentials, so that a log line cannot hold them."""
        return f"WorkerConfig({self.function!r} of {self.tenant!r} in {self.zone!r})"


class ConfigError(Exception):
    """The configuration on the pipe is not a WorkerConfig; names the field."""


def decode_config(data: bytes) -> WorkerConfig:
    """Decode the JSON that the agent wrote.

    Raises:
        ConfigError: not JSON, a missing or unknown field, or a wrong type.
    """
    try:
        return msgspec.json.decode(data, type=WorkerConfig)
    except msgspec.DecodeError as error:
        raise ConfigError(f"worker configuration: {error}") from error
