"""The platform's record at HQ: tenants, keys and zones in PostgreSQL, and snapshots of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.engine import create_engine
from storage.platform import version
from storage.platform.api_keys import MAX_TENANT_KEYS, ApiKeys, live_keys
from storage.platform.functions.secrets import FunctionSecrets, secrets
from storage.platform.functions.store import Functions, deployments
from storage.platform.ledger.store import LedgerStore
from storage.platform.snapshot import KeyEntry, Position, Snapshot, ZoneNotInSnapshot
from storage.platform.tenants import Tenants, all_tenants
from storage.platform.topology import Topology, UnknownZone, all_zones


class Registry:
    """The record over an engine that its owner disposes of."""

    def __init__(self, engine: AsyncEngine, *, max_tenant_keys: int = MAX_TENANT_KEYS) -> None:
        self._engine = engine
        self.tenants = Tenants(engine)
        self.keys = ApiKeys(engine, max_tenant_keys=max_tenant_keys)
        self.zones = Topology(engine)
        self.ledger = LedgerStore(engine)
        self.functions = Functions(engine)
        self.secrets = FunctionSecrets(engine)

    async def version(self) -> int:
        """Return the newest version; it grows with every change, and only then."""
        async with self._engine.connect() as connection:
            return (await version.current(connection)).version

    async def settle(
        self, *, seen: Position | None = None, claimed: Position | None = None
    ) -> Position:
        """Return the record's position, never below `seen`, the newest that headquarters saved.

        `claimed` is what another zone says that it holds. That counts as `seen` unless the record
        cannot have given it (it is of the future), or began its incarnation only a while ago: a
        zone's key that lies must not make every zone take the record anew again and again.

        A record that was restored, or moved to another server or database, begins a new
        incarnation here: it may lack what zones have seen, and have other changes under the same
        versions, so every zone has to take it as it is now.
        """
        async with self._engine.connect() as connection:
            if claimed is not None and await version.is_credible(connection, claimed=claimed):
                seen = claimed if seen is None else max(seen, claimed)
            if await version.is_settled(connection, seen=seen):
                return await version.current(connection)
        async with self._engine.begin() as connection:
            await version.settle(connection, seen=seen)
            return await version.current(connection)

    async def snapshot(self, zone: str) -> Snapshot:
        """Build what `zone` may know, all of it as of one version.

        Raises:
            UnknownZone: the zone is not recorded.
        """
        async with self._engine.connect() as plain:
            connection = await plain.execution_options(isolation_level="REPEATABLE READ")
            position = await version.current(connection)
            whole = Snapshot(
                version=position.version,
                incarnation=position.incarnation,
                zone=zone,
                zones=await all_zones(connection),
                tenants=await all_tenants(connection),
                keys=[
                    KeyEntry(
                        key_id=key.key_id,
                        hash=key.hash,
                        tenant=key.tenant,
                        role=key.role.value,
                        scopes=list(key.scopes),
                        zone=key.zone,
                        expires_at=key.expires_at,
                        calls_per_s=key.calls_per_s,
                    )
                    for key in await live_keys(connection)
                ],
                deployments=await deployments(connection),
                secrets=await secrets(connection),
            )
        try:
            return whole.for_zone(zone)
        except ZoneNotInSnapshot as error:
            raise UnknownZone(zone) from error


@asynccontextmanager
async def open_registry(
    database_url: str,
    *,
    pool_size: int = 4,
    application_name: str = "gridfaas-platform",
    max_tenant_keys: int = MAX_TENANT_KEYS,
) -> AsyncIterator[Registry]:
    """Give a registry over connections of its own, closed at the end.

    Raises:
        storage.cold.engine.UnusableDatabaseUrl: the URL is of another kind.
    """
    engine = create_engine(database_url, pool_size=pool_size, application_name=application_name)
    try:
        yield Registry(engine, max_tenant_keys=max_tenant_keys)
    finally:
        await engine.dispose()
