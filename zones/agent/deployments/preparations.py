"""Preparations under way and those that failed, a few at a time and each digest once."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from zones.agent.deployments.bundle_source import BundleUnavailable
from zones.agent.deployments.depot import BundleDepot, NoDigest
from zones.agent.deployments.environment import InstallFailed
from zones.agent.deployments.preparation import prepare
from zones.backoff import backoff_s

AT_ONCE: Final = 2
RETRY_CAP_S: Final = 300.0
LINK_RETRY_CAP_S: Final = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a digest is not prepared; `passing` failures are the link's, not the function's.

    It is tried again after `not_before`, a moment of the monotonic clock.
    """

    reason: str
    passing: bool
    times: int
    not_before: float


class Preparations:
    """`ended` is called after each, whichever way it ended."""

    def __init__(self, depot: BundleDepot, *, ended: Callable[[], None]) -> None:
        self._depot = depot
        self._ended = ended
        self._failures: dict[str, Failure] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)

    @property
    def under_way(self) -> Collection[str]:
        """The digests that are being prepared, or wait to be."""
        return self._tasks.keys()

    def failure(self, digest: str) -> Failure | None:
        """Return why the last try failed, None if there was none or it is not over."""
        return self._failures.get(digest)

    def want(self, digest: str) -> None:
        """Begin, unless it is under way or failed a short while ago."""
        failure = self._failures.get(digest)
        if digest in self._tasks or (failure and time.monotonic() < failure.not_before):
            return
        self._tasks[digest] = asyncio.create_task(self._prepare(digest))

    def forget_all_but(self, digests: Collection[str]) -> None:
        """Drop the failures of what nobody wants any more."""
        self._failures = {name: f for name, f in self._failures.items() if name in digests}

    def due_in(self, most_s: float) -> float:
        """Return in how many seconds a failed one is to be tried again, `most_s` at most."""
        now = time.monotonic()
        return max(0.05, min((f.not_before - now for f in self._failures.values()), default=most_s))

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
            del self._tasks[digest]
            self._ended()

    def _note(self, digest: str, reason: str, *, passing: bool) -> None:
        known = self._failures.get(digest)
        times = 1 if known is None else known.times + 1
        cap_s = LINK_RETRY_CAP_S if passing else RETRY_CAP_S
        pause = backoff_s(failures=times, jitter=random.random(), cap_s=cap_s)
        self._failures[digest] = Failure(
            reason=reason, passing=passing, times=times, not_before=time.monotonic() + pause
        )
        if times == 1:
            logger.warning("bundle %s cannot be prepared: %s", digest[:12], reason)
