"""Groups of workers through scaling, another version, and their ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from storage.platform.functions.spec import FunctionSpec
from storage.platform.snapshot import TenantEntry
from zones.agent.function_logs import FunctionLogs
from zones.agent.instance import Group, Instance
from zones.agent.lifecycle import State
from zones.agent.metrics import AgentMetrics
from zones.agent.pool import WorkerPool
from zones.agent.resolved import Resolved
from zones.agent.starting import Starter, StartFailed
from zones.agent.worker_config import Order
from zones.providers.ends import EndReason
from zones.providers.port import BecameReady, Ended, Event, Launch, LaunchRefused, LoadSeen

SPEC = FunctionSpec(name="f", max=4, concurrency=10)


class MemoryProvider:
    """Workers that are ready when told, or at once; the broken versions never start."""

    isolation = "none"
    up = True

    def __init__(self) -> None:
        self.deliver: Callable[[Event], None] = lambda event: None
        self.held: list[str] = []
        self.hold = False
        self.broken: set[str] = set()

    async def start(self, launch: Launch, *, ordered: Callable[[], None]) -> None:
        if launch.config.decode() in self.broken:
            raise LaunchRefused("broken")
        ordered()
        if self.hold:
            self.held.append(launch.instance)
        else:
            self.deliver(BecameReady(instance=launch.instance))

    def release(self) -> None:
        while self.held:
            self.deliver(BecameReady(instance=self.held.pop()))

    def stop(self, instance: str, *, at_once: bool, idle: bool = False) -> None:
        self.deliver(Ended(instance=instance, reason=EndReason.STOPPED))

    async def open(self, deliver: Callable[[Event], None]) -> None:
        self.deliver = deliver

    async def close(self) -> None:
        pass

    async def describe(self) -> bytes:
        return b"{}"


class Desk:
    """Orders with nothing in them but their version."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written = 0

    def tenant(self, slug: str | None) -> TenantEntry:
        return TenantEntry(slug=slug or "platform", number=1, name="", zones=[])

    async def write(self, *, tenant: str | None, function: Resolved) -> Order:
        self._written += 1
        name = f"{function.spec.name}-{self._written}"
        config = str(function.version).encode()
        return Order(id=name, socket=self._folder / name, uid=None, config=config)


@pytest.fixture
def provider() -> MemoryProvider:
    return MemoryProvider()


@pytest.fixture
async def pool(provider: MemoryProvider, tmp_path: Path) -> AsyncIterator[WorkerPool]:
    async def last_words(group: Group, instance: Instance) -> None:
        pass

    made = WorkerPool(
        provider=provider,
        starter=Starter(
            provider=provider,
            desk=Desk(tmp_path),  # type: ignore[arg-type]
            logs=FunctionLogs(tmp_path),
        ),
        metrics=AgentMetrics(zone="zone-3a"),
        expected=list,
        current=lambda tenant, resolved: resolved,
        last_words=last_words,
    )
    await provider.open(made.deliver)
    yield made
    await made.close()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_first_callers_start_one_worker(
    pool: WorkerPool, provider: MemoryProvider
) -> None:
    provider.hold = True
    callers = [
        asyncio.create_task(pool.ensure(tenant="acme", function=Resolved(spec=SPEC)))
        for _ in range(5)
    ]
    await settle()
    assert len(provider.held) == 1
    provider.release()

    answers = await asyncio.gather(*callers)
    assert {tuple(one.id for one in answer) for answer in answers} == {("f-1",)}


async def test_those_that_wait_have_several_workers_started_at_a_time(
    pool: WorkerPool, provider: MemoryProvider
) -> None:
    function = Resolved(spec=SPEC)
    await pool.ensure(tenant="acme", function=function)
    provider.hold = True
    asking = asyncio.create_task(pool.ensure(tenant="acme", function=function, waiting=12))
    await settle()

    # 10 in flight and 12 waiting, 7 to a worker: 4 in all.
    assert len(provider.held) == 3
    pool.converge()
    await settle()
    assert len(provider.held) == 3
    provider.release()
    assert len(await asking) == 4


async def test_another_version_is_ready_before_the_old_one_retires(
    pool: WorkerPool, provider: MemoryProvider
) -> None:
    first, second = Resolved(spec=SPEC, version=1), Resolved(spec=SPEC, version=2)
    (old,) = await pool.ensure(tenant="acme", function=first)
    provider.hold = True

    assert await pool.ensure(tenant="acme", function=second) == [old]
    pool.converge()
    await settle()
    assert len(provider.held) == 1
    assert await pool.ensure(tenant="acme", function=second) == [old]
    provider.release()
    await settle()
    pool.converge()

    (new,) = await pool.ensure(tenant="acme", function=second)
    assert new.resolved.version == 2
    assert old.state is State.RETIRING
    old.retired_at = old.busy_at = 0.0
    pool.converge()
    await settle()
    tally = pool.ends(tenant="acme", function="f")
    assert tally.counts == {EndReason.REPLACED: 1}
    assert tally.last is not None
    assert (tally.last.version, tally.last.instance) == (1, old.id)


async def test_a_version_that_cannot_start_leaves_the_old_one_in_service(
    pool: WorkerPool, provider: MemoryProvider
) -> None:
    provider.broken = {"2"}
    (old,) = await pool.ensure(tenant="acme", function=Resolved(spec=SPEC, version=1))
    for _ in range(20):
        answer = await pool.ensure(tenant="acme", function=Resolved(spec=SPEC, version=2))
        assert answer == [old]
        pool.groups[0].not_before = 0.0
        pool.converge()
        await settle()
    assert pool.groups[0].failures > 5

    # And going back needs no new worker.
    assert await pool.ensure(tenant="acme", function=Resolved(spec=SPEC, version=1)) == [old]
    pool.converge()
    assert old.state is State.READY


async def test_every_caller_is_told_when_no_worker_starts(
    pool: WorkerPool, provider: MemoryProvider
) -> None:
    provider.broken = {"0"}
    answers = await asyncio.gather(
        *(pool.ensure(tenant="acme", function=Resolved(spec=SPEC)) for _ in range(3)),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers] == [StartFailed] * 3
    assert {str(answer) for answer in answers} == {"broken"}


async def test_ends_are_counted_by_reason(pool: WorkerPool, provider: MemoryProvider) -> None:
    function = Resolved(spec=SPEC)
    (first,) = await pool.ensure(tenant="acme", function=function)
    provider.deliver(Ended(instance=first.id, reason=EndReason.MEMORY_LIMIT, detail="status 81"))
    pool.groups[0].not_before = 0.0
    (second,) = await pool.ensure(tenant="acme", function=function)
    provider.deliver(LoadSeen(instance=second.id, active=0, calls=3))
    pool.groups[0].demand.forget()
    pool.converge()
    second.retired_at = second.busy_at = 0.0
    pool.converge()
    await settle()

    tally = pool.ends(tenant="acme", function="f")
    assert tally.counts == {EndReason.MEMORY_LIMIT: 1, EndReason.IDLE: 1}
    assert pool.ends(tenant="beta", function="f").counts == {}


async def test_workers_of_what_is_in_force_no_more_end_without_a_call(
    provider: MemoryProvider, tmp_path: Path
) -> None:
    in_force: Resolved | None = Resolved(spec=SPEC, version=1)

    async def last_words(group: Group, instance: Instance) -> None:
        pass

    pool = WorkerPool(
        provider=provider,
        starter=Starter(
            provider=provider,
            desk=Desk(tmp_path),  # type: ignore[arg-type]
            logs=FunctionLogs(tmp_path),
        ),
        metrics=AgentMetrics(zone="zone-3a"),
        expected=list,
        current=lambda tenant, resolved: in_force,
        last_words=last_words,
    )
    await provider.open(pool.deliver)
    assert in_force is not None
    await pool.ensure(tenant="acme", function=in_force)

    in_force = Resolved(spec=SPEC, version=2)
    pool.converge()
    (group,) = pool.groups
    assert group.resolved.version == 2

    in_force = None
    pool.converge()
    await settle()
    assert [one.state for one in group.instances.values()] in ([], [State.STOPPING])
    await pool.close()
