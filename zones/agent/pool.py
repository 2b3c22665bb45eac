"""The zone's workers: started on the first call, kept, ended when idle."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from zones.agent import lifecycle
from zones.agent.end_tally import EndTally, WorkerEnd
from zones.agent.instance import PLATFORM, Group, Instance
from zones.agent.lifecycle import MOST_STARTS, STEADY_S, State
from zones.agent.metrics import AgentMetrics
from zones.agent.resolved import Resolved
from zones.agent.starting import Starter, StartFailed
from zones.backoff import backoff_s
from zones.providers.ends import EndReason
from zones.providers.port import (
    BecameReady,
    Draining,
    Ended,
    Event,
    Launched,
    LoadSeen,
    Provider,
)

START_WAIT_S = 12.0
# A caller waits out a pause this short; before a longer one it is told to come back.
SHORT_PAUSE_S = 1.0
# While calls wait, the gateway learns of another ready worker this soon.
ANOTHER_WAIT_S = 1.0
STOP_DEADLINE_S = 8.0
KILL_DEADLINE_S = 5.0
TICK_S = 0.5

logger = logging.getLogger(__name__)

GroupKey = tuple[str | None, str]


class WorkerPool:
    """Groups of workers, one group a function of a tenant.

    `expected` names the groups that must exist (a minimum to keep). `current` gives the version of
    a tenant's function that is in force in place of a known one, None where the tenant has it here
    no more. `last_words` hears a worker before it is told to end.
    """

    def __init__(
        self,
        *,
        provider: Provider,
        starter: Starter,
        metrics: AgentMetrics,
        expected: Callable[[], list[tuple[str | None, Resolved]]],
        current: Callable[[str, Resolved], Resolved | None],
        last_words: Callable[[Group, Instance], Awaitable[None]],
    ) -> None:
        self._provider = provider
        self._starter = starter
        self._metrics = metrics
        self._expected = expected
        self._current = current
        self._last_words = last_words
        self._groups: dict[GroupKey, Group] = {}
        self._owner: dict[str, Group] = {}
        self._ends: dict[tuple[str, str], EndTally] = {}
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

    def ends(self, *, tenant: str | None, function: str) -> EndTally:
        """Return why workers of a function of a tenant ended so far."""
        return self._ends.get((tenant or PLATFORM, function), EndTally())

    async def ensure(
        self, *, tenant: str | None, function: Resolved, waiting: int = 0
    ) -> list[Instance]:
        """Return the ready workers, starting one if there is none; never two for many callers.

        Where `waiting` calls have no worker, as many are started as the demand asks for, and the
        answer waits a moment for the first of them. From now on `function` is in force: workers of
        another version go on until as many of this one are ready.

        Raises:
            StartFailed: no worker became ready in time, or starts keep failing.
            UnknownTenant: the tenant is not this zone's.
        """
        self._starter.check(tenant)
        group = self._group(tenant, function)
        group.demand.asked(now=time.monotonic(), waiting=waiting)
        if not group.ready:
            self._revive_one(group)
        if not group.ready:
            await self._first_ready(group)
        elif waiting:
            self._converge_group(group)
            if group.starting:
                await asyncio.wait(
                    group.starting, timeout=ANOTHER_WAIT_S, return_when=asyncio.FIRST_COMPLETED
                )
        now = time.monotonic()
        for instance in group.ready:
            instance.busy_at = now
        return group.ready

    async def _first_ready(self, group: Group) -> None:
        pause = group.not_before - time.monotonic()
        if not group.starting and pause > SHORT_PAUSE_S:
            raise StartFailed(group.last_failure, retry_after_s=int(pause) + 1)
        if not group.starting:
            self._start(group)
        end = time.monotonic() + START_WAIT_S
        while not group.ready:
            starts = set(group.starting)
            if not starts:
                raise StartFailed(group.last_failure or f"{group.function.name} is being stopped")
            done, _ = await asyncio.wait(
                starts,
                timeout=max(0.0, end - time.monotonic()),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not done:
                raise StartFailed(
                    f"no worker of {group.function.name} was ready within {START_WAIT_S:.0f} s",
                    retry_after_s=1,
                )

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
                # It may have taken longer than the idle time, and callers wait for it.
                group.demand.worked(now=instance.ready_at, calls=0)
                instance.settled.set()
            case Draining():
                self._stop(instance, EndReason.STOPPED)
            case LoadSeen(active=active, calls=calls):
                now = time.monotonic()
                more = max(0, calls - instance.calls)
                self._metrics.calls.labels(*group.labels).inc(more)
                group.demand.worked(now=now, calls=more)
                instance.active, instance.calls = active, max(calls, instance.calls)
                instance.busy_at = now
            case Ended(reason=reason, detail=detail):
                self._end(group, instance, reason, detail)
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

    def poke(self) -> None:
        """Look at what should be now."""
        self._wake.set()

    def converge(self) -> None:
        """Decide once for every group, and set going what was decided."""
        for tenant, function in self._expected():
            self._group(tenant, function)
        for key, group in list(self._groups.items()):
            current: Resolved | None = group.resolved
            if group.tenant is not None:
                current = self._current(group.tenant, group.resolved)
            if current is None:
                self._retire_tenant(group)
            else:
                self._group(group.tenant, current)
                self._converge_group(group)
            used = group.demand.used(now=time.monotonic(), within_s=group.function.idle_s)
            if not (group.instances or group.starting or used or group.failures):
                del self._groups[key]

    async def close(self) -> None:
        """Stop every worker: drain, then kill past the deadline."""
        starts = [start for group in self.groups for start in group.starting]
        for start in starts:
            start.cancel()
        await asyncio.gather(*starts, return_exceptions=True)
        for group in self.groups:
            for instance in list(group.instances.values()):
                self._stop(instance, EndReason.STOPPED)
        await asyncio.gather(*self._stopping, return_exceptions=True)

    def _group(self, tenant: str | None, function: Resolved) -> Group:
        key = (tenant, function.spec.name)
        group = self._groups.get(key)
        if group is None:
            group = Group(tenant=tenant, resolved=function)
            self._metrics.meet(*group.labels)
            self._groups[key] = group
        elif group.resolved != function:
            logger.info("%s of %s: %r takes over", function.spec.name, group.labels[0], function)
            group.resolved = function
            # What kept the last version from starting says nothing about this one.
            group.failures, group.not_before = 0, 0.0
        return group

    def _converge_group(self, group: Group) -> None:
        now = time.monotonic()
        ready = [one for one in group.ready if one.resolved == group.resolved]
        if any(now - one.ready_at >= STEADY_S for one in ready):
            group.failures = 0
        if lifecycle.given_up(failures=group.failures, ready=len(group.ready)):
            group.demand.forget()
        wanted = group.demand.wanted(
            now=now,
            spec=group.function,
            in_flight=group.in_flight,
            room=len(group.ready) * group.function.concurrency,
        )
        decision = lifecycle.decide(
            now=now,
            seen=[instance.seen(group.resolved) for instance in group.instances.values()],
            wanted=wanted,
        )
        for name in decision.revive:
            group.instances[name].revive()
        for names, reason in (
            (decision.retire, EndReason.IDLE),
            (decision.replace, EndReason.REPLACED),
        ):
            for name in names:
                retired = group.instances[name]
                retired.state, retired.retired_at, retired.leaving = State.RETIRING, now, reason
        for name in decision.stop:
            self._stop(group.instances[name], EndReason.IDLE)
        if now >= group.not_before:
            starting = len(group.starting)
            states = [one.state for one in group.instances.values()]
            unseen = max(0, starting - states.count(State.STARTING))
            for _ in range(min(decision.start - unseen, MOST_STARTS - starting)):
                self._start(group)

    def _start(self, group: Group) -> None:
        start = asyncio.create_task(self._start_one(group))
        group.starting.add(start)

        def started(task: asyncio.Task[Instance]) -> None:
            group.starting.discard(task)
            # Nobody may be waiting for it; a failure is in the group either way.
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, StartFailed):
                logger.error("a start failed by an inner error", exc_info=error)
            self._wake.set()

        start.add_done_callback(started)

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
            if instance.state is State.RETIRING and instance.resolved == group.resolved:
                instance.revive()
                return

    def _end(self, group: Group, instance: Instance, reason: EndReason, detail: str) -> None:
        died = instance.state in (State.READY, State.RETIRING)
        if reason is EndReason.STOPPED and instance.leaving is not None:
            reason = instance.leaving
        instance.end_reason = f"{reason}: {detail}" if detail else reason
        instance.state = State.STOPPING
        instance.settled.set()
        instance.ended.set()
        instance.socket.unlink(missing_ok=True)
        del group.instances[instance.id]
        del self._owner[instance.id]
        self._metrics.workers.ended(group.labels, instance.id)
        self._metrics.ends.labels(*group.labels, reason).inc()
        self._ends.setdefault(group.labels, EndTally()).add(
            WorkerEnd(
                instance=instance.id,
                version=instance.resolved.version,
                reason=reason,
                detail=detail,
                at=datetime.now(UTC),
            )
        )
        if died:
            logger.warning("%s died: %s", instance.id, instance.end_reason)
            self._metrics.deaths.labels(*group.labels).inc()
            current = instance.resolved == group.resolved
            if current and time.monotonic() - instance.ready_at < STEADY_S:
                self._note_failure(group, f"{instance.id} died: {instance.end_reason}")
        self._wake.set()

    def _retire_tenant(self, group: Group) -> None:
        group.failures = 0
        group.demand.forget()
        for start in group.starting:
            start.cancel()
        for instance in group.instances.values():
            self._stop(instance, EndReason.STOPPED)

    def _stop(self, instance: Instance, reason: EndReason) -> None:
        if instance.state is State.STOPPING:
            return
        instance.state = State.STOPPING
        instance.leaving = instance.leaving or reason
        self._track(self._drain(self._owner[instance.id], instance))

    def _track(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _drain(self, group: Group, instance: Instance) -> None:
        if instance.ready_at:
            await self._last_words(group, instance)
        for at_once, deadline in ((False, STOP_DEADLINE_S), (True, KILL_DEADLINE_S)):
            idle = instance.leaving is EndReason.IDLE
            self._provider.stop(instance.id, at_once=at_once, idle=idle)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(deadline):
                    await instance.ended.wait()
                    return
        logger.error("%s does not end", instance.id)
