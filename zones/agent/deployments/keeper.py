"""Keeps what is deployed prepared in a zone: the old version serves until the new one can."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from storage.platform.snapshot import DeploymentEntry, Snapshot
from zones.agent.deployments.bundle_source import BundleUnavailable
from zones.agent.deployments.depot import BundleDepot, NoDigest
from zones.agent.deployments.environment import InstallFailed
from zones.agent.deployments.preparation import prepare
from zones.agent.resolved import Resolved
from zones.backoff import backoff_s

AT_ONCE: Final = 2
COLLECT_EVERY_S: Final = 60.0
COLLECT_GRACE_S: Final = 3_600.0
"""A version that was just replaced is soon wanted again, if it is."""
RETRY_CAP_S: Final = 300.0
MOST_PAUSE_S: Final = 0.5
PAUSE_SHARE: Final = 5.0
LINK_RETRY_CAP_S: Final = 5.0

Key = tuple[str, str]

logger = logging.getLogger(__name__)


class DeploymentState(StrEnum):
    """Of the version that shall be in force."""

    PREPARING = "preparing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A function as it shall be here, how far that is, and what serves until then."""

    entry: DeploymentEntry
    state: DeploymentState
    reason: str = ""
    in_force: Resolved | None = None


@dataclass(slots=True)
class _Failure:
    reason: str
    passing: bool
    times: int
    not_before: float


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
        self._failures: dict[str, _Failure] = {}
        self._preparing: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
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
                    async with asyncio.timeout(self._pause()):
                        await self._wake.wait()
        finally:
            for task in self._preparing.values():
                task.cancel()
            await asyncio.gather(*self._preparing.values(), return_exceptions=True)

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
        self._elsewhere = [entry for entry in wanted if self._tier not in entry.spec.tiers]
        self._known = {
            (entry.tenant, entry.name): self._step(entry, secrets)
            for entry in wanted
            if self._tier in entry.spec.tiers
        }
        digests = {one.entry.digest for one in self._known.values()}
        self._failures = {name: f for name, f in self._failures.items() if name in digests}
        self.followed = snapshot.version
        if before != (self._known, self._elsewhere):
            self.generation += 1
            self._changed()

    def _step(self, entry: DeploymentEntry, secrets: dict[Key, str]) -> Deployment:
        known = self._known.get((entry.tenant, entry.name))
        serving = None if known is None else known.in_force
        lacking = [name for name in entry.spec.secrets if (entry.tenant, name) not in secrets]
        if lacking:
            reason = f"no secret is set that is named {', '.join(lacking)}"
            return Deployment(
                entry=entry, state=DeploymentState.FAILED, reason=reason, in_force=serving
            )
        asked = tuple((name, secrets[entry.tenant, name]) for name in entry.spec.secrets)
        if known is not None and known.state is DeploymentState.READY and known.entry == entry:
            assert serving is not None
            if serving.secrets == asked:
                return known
        place = self._depot.place(entry.digest)
        if place.prepared:
            return Deployment(
                entry=entry,
                state=DeploymentState.READY,
                in_force=Resolved(
                    spec=entry.spec,
                    version=entry.version,
                    digest=entry.digest,
                    folder=place.code,
                    env=place.env if place.env.is_dir() else None,
                    secrets=asked,
                ),
            )
        failure = self._failures.get(entry.digest)
        if failure is None or time.monotonic() >= failure.not_before:
            self._begin(entry.digest)
        failed = failure is not None and not failure.passing
        return Deployment(
            entry=entry,
            state=DeploymentState.FAILED if failed else DeploymentState.PREPARING,
            reason="" if failure is None else failure.reason,
            in_force=serving,
        )

    def _begin(self, digest: str) -> None:
        if digest not in self._preparing:
            self._preparing[digest] = asyncio.create_task(self._prepare(digest))

    async def _prepare(self, digest: str) -> None:
        try:
            async with self._slots:
                await prepare(self._depot, digest)
            self._failures.pop(digest, None)
        except BundleUnavailable as error:
            self._note(digest, str(error), passing=True)
        except (InstallFailed, NoDigest) as error:
            self._note(digest, str(error), passing=False)
        except OSError as error:
            self._note(digest, f"the zone's disk: {error.strerror or error}", passing=False)
        finally:
            del self._preparing[digest]
            self._wake.set()

    def _note(self, digest: str, reason: str, *, passing: bool) -> None:
        known = self._failures.get(digest)
        times = 1 if known is None else known.times + 1
        cap_s = LINK_RETRY_CAP_S if passing else RETRY_CAP_S
        pause = backoff_s(failures=times, jitter=random.random(), cap_s=cap_s)
        self._failures[digest] = _Failure(reason, passing, times, time.monotonic() + pause)
        if times == 1:
            logger.warning("bundle %s cannot be prepared: %s", digest[:12], reason)

    def _pause(self) -> float:
        due = [failure.not_before - time.monotonic() for failure in self._failures.values()]
        return min(COLLECT_EVERY_S, max(0.05, min(due, default=COLLECT_EVERY_S)))

    async def _collect(self) -> None:
        snapshot = self._snapshot()
        if snapshot is None:
            return
        # Also those of other tiers: a zone below may ask for them.
        used = {entry.digest for entry in snapshot.deployments}
        used |= {resolved.digest for _, resolved in self.in_force}
        used |= self._preparing.keys()
        await asyncio.to_thread(self._depot.collect, used=used, grace_s=COLLECT_GRACE_S)
