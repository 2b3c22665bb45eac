"""What a worker is told: built here, field by field, from what its tenant and tier may have."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from storage.platform.snapshot import TenantEntry
from zones.agent.instance import PLATFORM
from zones.agent.resolved import Resolved
from zones.agent.service_folder import service_folder
from zones.agent.settings import AgentSettings
from zones.agent.walls import Credentials
from zones.providers.port import FIRST_UID

# sun_path holds 108 bytes with its end.
MAX_SOCKET_PATH = 107


class UnknownTenant(Exception):
    """No tenant of that name belongs to this zone."""


class SocketPathTooLong(Exception):
    """The run folder is too deep for a unix socket in it."""


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The wire shape that a worker reads from its pipe, as JSON."""

    function: str
    app: str | None
    tenant: str
    tenant_number: int
    zone: str
    tier: int
    socket: str
    gateway_url: str
    memory_mb: int
    redis_url: str | None
    database_url: str | None
    parent_url: str | None
    zone_credential: str | None
    uid: int | None
    gid: int | None
    timeout_s: int
    concurrency: int
    cpu: float
    pids: int
    disk_mb: int
    settings: dict[str, Any]
    version: int = 0
    folder: str | None = None
    env: str | None = None
    tmp_dir: str | None = None
    config: dict[str, str] = {}
    secrets: dict[str, str] = {}
    service_key: str | None = None
    state_dir: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A worker to be started: who it is, and its configuration as it goes to the provider."""

    id: str
    socket: Path
    uid: int | None
    config: bytes


class Credentialer(Protocol):
    """Who knows the logins to the zone's store."""

    async def credentials(self, tenant: str | None) -> Credentials:
        """Return the login of a tenant, or the platform's for None."""


class OrderDesk:
    """Writes orders for workers of this zone."""

    def __init__(
        self,
        *,
        settings: AgentSettings,
        zone_credential: str | None,
        tenants: Callable[[], Mapping[str, TenantEntry] | None],
        walls: Credentialer,
        logins: Mapping[str, Credentialer],
        service_key: Callable[[str], str | None],
        uid_per_tenant: bool,
    ) -> None:
        """`logins` are of the platform's functions that have one of their own, by name.

        `service_key` gives the zone's key of a tenant, with which its workers call others.
        """
        self._settings = settings
        self._zone_credential = zone_credential
        self._tenants = tenants
        self._walls = walls
        self._logins = logins
        self._service_key = service_key
        self._uid_per_tenant = uid_per_tenant

    async def write(self, *, tenant: str | None, function: Resolved) -> Order:
        """Write the order for one more worker; `tenant` is None for the platform's own.

        Raises:
            UnknownTenant: not in the zone's snapshot.
            WallNotBuilt: the tenant has no login to the store yet.
            SocketPathTooLong: no worker can start in this run folder.
        """
        entry = self.tenant(tenant)
        spec = function.spec
        walls = self._walls if tenant is not None else self._logins.get(spec.name, self._walls)
        credentials = await walls.credentials(tenant)
        name = secrets.token_hex(6)
        socket = self._settings.workers_dir / name
        if len(bytes(socket)) > MAX_SOCKET_PATH:
            raise SocketPathTooLong(f"{socket} is longer than {MAX_SOCKET_PATH} bytes")
        uid = FIRST_UID + entry.number if self._uid_per_tenant else None
        ours = tenant is None
        kept = service_folder(self._settings.run_dir, function=spec.name, uid=uid) if ours else None
        config = WorkerConfig(
            function=spec.name,
            app=spec.app,
            tenant=entry.slug,
            tenant_number=entry.number,
            zone=self._settings.zone,
            tier=self._settings.tier,
            socket=str(socket),
            gateway_url=self._settings.gateway_url,
            memory_mb=spec.memory_mb,
            redis_url=credentials.redis_url,
            database_url=credentials.database_url,
            parent_url=self._settings.parent_url,
            zone_credential=self._zone_credential if ours else None,
            uid=uid,
            gid=uid,
            timeout_s=spec.timeout_s,
            concurrency=spec.concurrency,
            cpu=spec.cpu,
            pids=spec.pids,
            disk_mb=spec.disk_mb,
            settings=entry.settings.get(spec.name, {}) if ours else dict(function.settings),
            version=function.version,
            folder=None if function.folder is None else str(function.folder),
            env=None if function.env is None else str(function.env),
            config=spec.config,
            secrets=dict(function.secrets),
            service_key=None if ours else self._service_key(entry.slug),
            state_dir=None if kept is None else str(kept),
        )
        return Order(
            id=f"{spec.name}-{name}",
            socket=socket,
            uid=uid,
            config=msgspec.json.encode(config),
        )

    def tenant(self, slug: str | None) -> TenantEntry:
        """Return the tenant of the snapshot, or the platform's stand-in for None.

        Raises:
            UnknownTenant: not in the zone's snapshot.
        """
        if slug is None:
            return TenantEntry(
                slug=PLATFORM,
                number=0,
                name="the platform itself",
                zones=[],
                settings=self._settings.service_settings,
            )
        entry = (self._tenants() or {}).get(slug)
        if entry is not None:
            return entry
        raise UnknownTenant(f"no tenant {slug!r} in this zone")
