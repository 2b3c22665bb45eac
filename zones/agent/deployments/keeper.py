"""Keeps what is deployed prepared in a zone: the old version serves until the new one can."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final

from storage.platform.snapshot import DeploymentEntry, Snapshot
from zones.agent.deployments.deployment import Deployment, DeploymentState
from zones.agent.deployments.depot import BundleDepot, NoDigest
from zones.agent.deployments.preparations import Preparations
from zones.agent.resolved import Resolved

TENANT_BYTES: Final = 4 << 30
"""What a tenant's functions may take of a zone's disk, unpacked and with their requirements."""
COLLECT_EVERY_S: Final = 60.0
COLLECT_GRACE_S: Final = 3_600.0
"""A version that was just replaced is soon wanted again, if it is."""
MOST_PAUSE_S: Final = 0.5
PAUSE_SHARE: Final = 5.0

Key = tuple[str, str]


class DeploymentKeeper:
    """Follows the snapshot's deployments; `changed` is called when another list is in force.

    `taken` are names of the platform's services, which no tenant's function can have.
    """

    def __init__(
        self,
        depot: BundleDepot,
        *,
        tier: int,
        snapshot: Callable[[], Snapshot | None],
        taken: Collection[str],
        changed: Callable[[], None],
    ) -> None:
        self._depot = depot
        self._tier = tier
        self._snapshot = snapshot
        self._taken = taken
        self._changed = changed
        self._known: dict[Key, Deployment] = {}
        self._elsewhere: list[DeploymentEntry] = []
        self._taken_bytes: Counter[str] = Counter()
        self._preparations = Preparations(depot, ended=self.poke)
        self._wake = asyncio.Event()
        self.generation = 0
        """Another one for every other list."""
        self.followed = 0
        """The version of the snapshot that all of this follows."""

    def poke(self) -> None:
        """Look at the snapshot now."""
        self._wake.set()

    def find(self, tenant: str, name: str) -> Deployment | None:
        """Return a tenant's function of this tier, None if it has none of that name."""
        return self._known.get((tenant, name))

    @property
    def in_force(self) -> list[tuple[str, Resolved]]:
        """The functions of this tier that can be called, with their tenants."""
        return [(key[0], one.in_force) for key, one in self._known.items() if one.in_force]

    @property
    def states(self) -> list[tuple[str, DeploymentState]]:
        """How far each function of this tier is, with its tenant."""
        return [(key[0], one.state) for key, one in self._known.items()]

    @property
    def elsewhere(self) -> list[DeploymentEntry]:
        """Those that tenants of this zone have in other tiers only."""
        return self._elsewhere

    async def run(self) -> None:
        """Prepare, try again and collect for ever; cancel to stop."""
        collect_at = 0.0
        try:
            while True:
                self._wake.clear()
                began = time.monotonic()
                self.converge()
                # A thousand functions are looked at together, however they become ready.
                await asyncio.sleep(min(MOST_PAUSE_S, PAUSE_SHARE * (time.monotonic() - began)))
                if time.monotonic() >= collect_at:
                    await self._collect()
                    collect_at = time.monotonic() + COLLECT_EVERY_S
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._preparations.due_in(COLLECT_EVERY_S)):
                        await self._wake.wait()
        finally:
            await self._preparations.close()

    def converge(self) -> None:
        """Bring every function one step on, as far as that is possible at once."""
        snapshot = self._snapshot()
        if snapshot is None:
            return
        served = snapshot.served(snapshot.zone)
        wanted = [
            entry
            for entry in snapshot.deployments
            if entry.tenant in served and entry.name not in self._taken
        ]
        secrets = {(one.tenant, one.name): one.value for one in snapshot.secrets}
        before = self._known, self._elsewhere
        self._taken_bytes = Counter()
        for (tenant, _), one in self._known.items():
            self._taken_bytes[tenant] += one.size
        self._elsewhere = [entry for entry in wanted if self._tier not in entry.spec.tiers]
        self._known = {
            (entry.tenant, entry.name): self._step(entry, secrets)
            for entry in wanted
            if self._tier in entry.spec.tiers
        }
        self._preparations.forget_all_but({one.entry.digest for one in self._known.values()})
        self.followed = snapshot.version
        if before != (self._known, self._elsewhere):
            self.generation += 1
            self._changed()

    def _step(self, entry: DeploymentEntry, secrets: Mapping[Key, str]) -> Deployment:
        known = self._known.get((entry.tenant, entry.name))
        waiting = Deployment(entry=entry, state=DeploymentState.PREPARING)
        if known is not None:
            waiting = replace(waiting, in_force=known.in_force, size=known.size)
        lacking = [name for name in entry.spec.secrets if (entry.tenant, name) not in secrets]
        if lacking:
            return _failed(waiting, f"no secret is set that is named {', '.join(lacking)}")
        asked = tuple((name, secrets[entry.tenant, name]) for name in entry.spec.secrets)
        if known is not None and known.state is DeploymentState.READY and known.entry == entry:
            assert known.in_force is not None
            if known.in_force.secrets == asked:
                return known
        try:
            place = self._depot.place(entry.digest)
        except NoDigest as error:
            return _failed(waiting, str(error))
        if place.prepared:
            resolved = Resolved(
                spec=entry.spec,
                version=entry.version,
                digest=entry.digest,
                folder=place.code,
                env=place.env if place.env.is_dir() else None,
                secrets=asked,
            )
            return replace(waiting, state=DeploymentState.READY, in_force=resolved, size=place.size)
        if self._taken_bytes[entry.tenant] - waiting.size > TENANT_BYTES:
            most = f"{TENANT_BYTES >> 30} GiB"
            return _failed(waiting, f"the tenant's functions take more than {most} here")
        self._preparations.want(entry.digest)
        failure = self._preparations.failure(entry.digest)
        if failure is None:
            return waiting
        return replace(waiting if failure.passing else _failed(waiting, ""), reason=failure.reason)

    async def _collect(self) -> None:
        snapshot = self._snapshot()
        if snapshot is None:
            return
        # Also those of other tiers: a zone below may ask for them.
        used = {entry.digest for entry in snapshot.deployments}
        used |= {resolved.digest for _, resolved in self.in_force}
        used |= set(self._preparations.under_way)
        await asyncio.to_thread(self._depot.collect, used=used, grace_s=COLLECT_GRACE_S)


def _failed(deployment: Deployment, reason: str) -> Deployment:
    return replace(deployment, state=DeploymentState.FAILED, reason=reason)
