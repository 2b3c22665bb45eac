"""The zone's workers: started on the first call, kept, ended when idle."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from zones.agent import lifecycle
from zones.agent.instance import Group, Instance
from zones.agent.lifecycle import STEADY_S, State
from zones.agent.metrics import AgentMetrics
from zones.agent.resolved import Resolved
from zones.agent.starting import Starter, StartFailed
from zones.backoff import backoff_s
from zones.providers.port import BecameReady, Ended, Event, Launched, LoadSeen, Provider

START_WAIT_S = 12.0
# A caller waits out a pause this short; before a longer one it is told to come back.
SHORT_PAUSE_S = 1.0
STOP_DEADLINE_S = 8.0
KILL_DEADLINE_S = 5.0
TICK_S = 0.5

logger = logging.getLogger(__name__)

GroupKey = tuple[str | None, str]


class WorkerPool:
    """Groups of workers, one group a function of a tenant.

    `expected` names the groups that must exist (a minimum to keep), `belongs` says whether a
    tenant is still this zone's, `last_words` hears a worker before it is told to end.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        starter: Starter,
        metrics: AgentMetrics,
        expected: Callable[[], list[tuple[str | None, Resolved]]],
        belongs: Callable[[str], bool],
        last_words: Callable[[Group, Instance], Awaitable[None]],
    ) -> None:
        self._provider = provider
        self._starter = starter
        self._metrics = metrics
        self._expected = expected
        self._belongs = belongs
        self._last_words = last_words
        self._groups: dict[GroupKey, Group] = {}
        self._owner: dict[str, Group] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()

    @property
    def groups(self) -> list[Group]:
        """Every group with a worker, a start under way or a failure to remember."""
        return list(self._groups.values())

    @property
    def minimum_ready(self) -> bool:
        """Whether every function that must be up is."""
        for tenant, function in self._expected():
            group = self._groups.get((tenant, function.spec.name))
            if group is None or len(group.ready) < function.spec.min:
                return False
        return True

    async def ensure(self, *, tenant: str | None, function: Resolved) -> list[Instance]:
        """Return the ready workers, starting one if there is none; never two for many callers.

        Raises:
            StartFailed: no worker became ready in time, or starts keep failing.
            UnknownTenant: the tenant is not this zone's.
        """
        self._starter.check(tenant)
        group = self._group(tenant, function)
        group.wanted = max(group.wanted, 1)
        if not group.ready:
            self._revive_one(group)
        if not group.ready:
            pause = group.not_before - time.monotonic()
            if group.starting is None and pause > SHORT_PAUSE_S:
                raise StartFailed(group.last_failure, retry_after_s=int(pause) + 1)
            start = self._start(group)
            try:
                async with asyncio.timeout(START_WAIT_S):
                    await asyncio.shield(start)
            except asyncio.CancelledError:
                if start.cancelled():
                    raise StartFailed(f"{function.spec.name} is being stopped") from None
                raise
            except TimeoutError as error:
                raise StartFailed(
                    f"no worker of {function.spec.name} was ready within {START_WAIT_S:.0f} s",
                    retry_after_s=1,
                ) from error
        now = time.monotonic()
        for instance in group.ready:
            instance.busy_at = now
        return group.ready

    def deliver(self, event: Event) -> None:
        """Take note of what the provider reports."""
        group = self._owner.get(event.instance)
        if group is None:
            logger.debug("an event of an unknown worker: %r", event)
            return
        instance = group.instances[event.instance]
        match event:
            case Launched(pid=pid):
                instance.pid = pid
            case BecameReady() if instance.state is State.STARTING:
                instance.state = State.READY
                instance.ready_at = instance.busy_at = time.monotonic()
                instance.settled.set()
            case LoadSeen(active=active, calls=calls):
                self._metrics.calls.labels(*group.labels).inc(max(0, calls - instance.calls))
                instance.active, instance.calls = active, max(calls, instance.calls)
                instance.busy_at = time.monotonic()
            case Ended(reason=reason):
                self._end(group, instance, reason)
            case _:
                pass

    async def run(self) -> None:
        """Bring what there is in line with what should be, for ever; cancel to stop."""
        while True:
            self.converge()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._wake.wait()
            self._wake.clear()

    def converge(self) -> None:
        """Decide once for every group, and set going what was decided."""
        for tenant, function in self._expected():
            self._group(tenant, function)
        for key, group in list(self._groups.items()):
            if group.tenant is not None and not self._belongs(group.tenant):
                self._retire_tenant(group)
            else:
                self._converge_group(group)
            if not (group.instances or group.starting or group.wanted or group.failures):
                del self._groups[key]

    async def close(self) -> None:
        """Stop every worker: drain, then kill past the deadline."""
        starts = [group.starting for group in self.groups if group.starting is not None]
        for start in starts:
            start.cancel()
        await asyncio.gather(*starts, return_exceptions=True)
        for group in self.groups:
            for instance in list(group.instances.values()):
                self._stop(instance)
        await asyncio.gather(*self._stopping, return_exceptions=True)

    def _group(self, tenant: str | None, function: Resolved) -> Group:
        key = (tenant, function.spec.name)
        group = self._groups.get(key)
        if group is None:
            group = Group(tenant=tenant, resolved=function)
            self._metrics.meet(*group.labels)
            self._groups[key] = group
        return group

    def _converge_group(self, group: Group) -> None:
        now = time.monotonic()
        if any(now - one.ready_at >= STEADY_S for one in group.ready):
            group.failures = 0
        group.wanted = lifecycle.wanted_after(
            wanted=group.wanted, failures=group.failures, minimum=group.function.min
        )
        decision = lifecycle.decide(
            now=now,
            seen=[instance.seen() for instance in group.instances.values()],
            wanted=group.wanted,
            scale=group.scale,
        )
        for name in decision.revive:
            group.instances[name].state = State.READY
            group.wanted += 1
        for name in decision.retire:
            group.instances[name].state = State.RETIRING
            group.instances[name].retired_at = now
            group.wanted -= 1
        for name in decision.stop:
            self._stop(group.instances[name])
        if decision.start and now >= group.not_before:
            self._start(group)

    def _start(self, group: Group) -> asyncio.Task[Instance]:
        """Return the one start under way in the group, set going here if there is none."""
        if group.starting is None:
            group.starting = asyncio.create_task(self._start_one(group))
            # Nobody may be waiting for it; a failure is in the group either way.
            group.starting.add_done_callback(lambda task: task.cancelled() or task.exception())
        return group.starting

    async def _start_one(self, group: Group) -> Instance:
        try:
            await asyncio.sleep(max(0.0, group.not_before - time.monotonic()))
            self._metrics.starts.labels(*group.labels).inc()
            instance = await self._starter.start(group, register=self._register)
        except StartFailed as error:
            self._metrics.start_failures.labels(*group.labels).inc()
            logger.warning("%s of %s: %s", group.function.name, group.labels[0], error)
            self._note_failure(group, str(error))
            raise
        else:
            took = instance.ready_at - instance.ordered_at
            self._metrics.start_seconds.labels(*group.labels).observe(took)
            return instance
        finally:
            group.starting = None
            self._wake.set()

    def _register(self, group: Group, instance: Instance) -> None:
        group.instances[instance.id] = instance
        self._owner[instance.id] = group

    def _note_failure(self, group: Group, reason: str) -> None:
        group.failures += 1
        group.last_failure = reason
        group.not_before = time.monotonic() + backoff_s(
            failures=group.failures, jitter=random.random()
        )

    def _revive_one(self, group: Group) -> None:
        for instance in group.instances.values():
            if instance.state is State.RETIRING:
                instance.state = State.READY
                return

    def _end(self, group: Group, instance: Instance, reason: str) -> None:
        instance.end_reason = reason
        died = instance.state in (State.READY, State.RETIRING)
        instance.state = State.STOPPING
        instance.settled.set()
        instance.ended.set()
        instance.socket.unlink(missing_ok=True)
        del group.instances[instance.id]
        del self._owner[instance.id]
        self._metrics.workers.ended(group.labels, instance.id)
        if died:
            logger.warning("%s died: %s", instance.id, reason)
            self._metrics.deaths.labels(*group.labels).inc()
            if time.monotonic() - instance.ready_at < STEADY_S:
                self._note_failure(group, f"{instance.id} died: {reason}")
        self._wake.set()

    def _retire_tenant(self, group: Group) -> None:
        group.wanted = group.failures = 0
        if group.starting is not None:
            group.starting.cancel()
        for instance in group.instances.values():
            self._stop(instance)

    def _stop(self, instance: Instance) -> None:
        if instance.state is State.STOPPING:
            return
        instance.state = State.STOPPING
        self._track(self._drain(self._owner[instance.id], instance))

    def _track(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _drain(self, group: Group, instance: Instance) -> None:
        if instance.ready_at:
            await self._last_words(group, instance)
        for at_once, deadline in ((False, STOP_DEADLINE_S), (True, KILL_DEADLINE_S)):
            self._provider.stop(instance.id, at_once=at_once)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    await instance.ended.wait()
                    return
        logger.error("%s does not end", instance.id)
