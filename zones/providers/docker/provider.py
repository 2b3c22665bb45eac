"""Workers in containers: one a tenant, function and version, frozen when idle."""

import asyncio
import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

from zones.providers.docker import frames
from zones.providers.docker.body import Site
from zones.providers.docker.channel import (
    Asleep,
    Channel,
    ChannelBroken,
    LimitMet,
    Load,
    Ready,
    Report,
    bound_listener,
)
from zones.providers.docker.facts import Facts, Kind, read_facts
from zones.providers.docker.gateway_relay import GatewayRelay
from zones.providers.docker.sleepers import Sleepers
from zones.providers.docker.spawner_afar import SpawnerAfar
from zones.providers.docker.spawner_line import SpawnerLine
from zones.providers.docker.spawner_process import SpawnerProcess
from zones.providers.docker.worker import ContainedWorker, Phase
from zones.providers.ends import EndReason, detail_of, reason_of
from zones.providers.pipes import pipe_holding
from zones.providers.port import (
    BecameReady,
    Draining,
    Ended,
    Event,
    Launch,
    Launched,
    LaunchRefused,
    LoadSeen,
    ProviderUnavailable,
)

UP_DEADLINE_S = 10.0
DOZE_DEADLINE_S = 8.0
RESUME_DEADLINE_S = 5.0
END_DEADLINE_S = 10.0
SWEEP_S = 5.0

logger = logging.getLogger(__name__)


class DockerProvider:
    """Containers on the engine of this machine, made by a spawner that alone talks to it."""

    def __init__(
        self,
        site: Site,
        *,
        max_paused: int = 8,
        keep_paused_s: float = 900.0,
        wanted: Callable[[Kind], bool] = lambda kind: True,
        spawner: Path | None = None,
        tenant_uids: bool = False,
    ) -> None:
        """`spawner` is the socket of one in a container of its own; else a child is started.

        With `tenant_uids`, workers that name no uid get one of their tenant's.
        """
        self._site = site
        self._tenant_uids = tenant_uids
        self._wanted = wanted
        self._sleepers = Sleepers(bound=max_paused, keep_s=keep_paused_s)
        self._deliver: Callable[[Event], None] = lambda event: None
        self._spawner: SpawnerLine = (
            SpawnerProcess(site, heard=self._heard, lost=self._spawner_lost)
            if spawner is None
            else SpawnerAfar(spawner, heard=self._heard, lost=self._spawner_lost)
        )
        self._up = asyncio.Event()
        self._engine = ""
        self._trouble = ""
        self._workers: dict[str, ContainedWorker] = {}
        self._serving: dict[str, ContainedWorker] = {}
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether the engine answers."""
        return self._up.is_set()

    @property
    def isolation(self) -> str:
        """A container is a wall of its own, whoever the agent runs as."""
        return "container per worker"

    @property
    def engine(self) -> str:
        """The engine's version, once it has answered."""
        return self._engine

    @property
    def spawner_pid(self) -> int | None:
        """The only process of this zone that talks to the engine."""
        return self._spawner.pid

    @property
    def paused(self) -> int:
        """How many frozen containers are kept."""
        return len(self._sleepers)

    async def open(self, deliver: Callable[[Event], None]) -> None:
        """Start the spawner, which removes what an earlier agent of this zone left."""
        self._deliver = deliver
        channels = self._site.channels
        # Of containers whose agent is gone; these end by that.
        await asyncio.to_thread(_emptied, channels)
        self._spawner.open()
        self._sweeper = asyncio.create_task(self._sweep(), name="paused containers")

    async def close(self) -> None:
        """End every container and remove it."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        for worker in self._workers.values():
            worker.asked = True
        await self._spawner.close()
        await asyncio.to_thread(_emptied, self._site.channels)

    async def start(self, launch: Launch, *, ordered: Callable[[], None]) -> None:
        """Wake a frozen container of the same kind, or create one.

        Raises:
            ConfigUnreadable, ConfigTooLarge: there is no container for such a worker.
            ProviderUnavailable: the engine does not answer.
        """
        try:
            async with asyncio.timeout(UP_DEADLINE_S):
                await self._up.wait()
        except TimeoutError as error:
            raise ProviderUnavailable(self._trouble or "the spawner is not up") from error
        facts = read_facts(
            secrets.token_hex(6),
            launch.config,
            own_uid=os.getuid() or 65_534,
            own_gid=os.getgid() or 65_534,
            tenant_uids=self._tenant_uids,
        )
        descriptors = _descriptors(launch, facts)
        for old in self._sleepers.outdated(facts.kind):
            self._end_container(old)
        worker = self._sleepers.take(facts.kind)
        if worker is None:
            await self._create(launch.instance, facts, descriptors)
        else:
            self._wake(worker, launch.instance, descriptors)
        ordered()

    def stop(self, instance: str, *, at_once: bool, idle: bool = False) -> None:
        """Have a worker drain and end, or freeze it if it is `idle`, or kill it `at_once`."""
        worker = self._serving.get(instance)
        if worker is None:
            return
        worker.asked = True
        if at_once:
            self._end_container(worker)
        elif idle and self._sleepers.room and worker.phase is Phase.SERVING:
            self._doze(worker)
        elif worker.phase in (Phase.SERVING, Phase.DOZING):
            self._say(worker, "drain")
        else:
            self._end_container(worker)

    async def describe(self) -> bytes:
        """Services of the platform run as processes; containers have nothing to add."""
        return b"{}"

    async def _create(self, instance: str, facts: Facts, descriptors: tuple[int, ...]) -> None:
        folder = self._site.channels / facts.start.id
        worker = ContainedWorker(
            id=facts.start.id, kind=facts.kind, instance=instance, descriptors=descriptors
        )
        try:
            worker.channel = Channel(
                folder,
                joined=lambda: self._hand_over(worker),
                heard=lambda report: self._report(worker, report),
                ended=lambda: self._hung_up(worker),
            )
            if facts.gateway is not None:
                worker.relay = GatewayRelay(facts.gateway)
                await worker.relay.listen(folder / "gateway")
            self._spawner.send(facts.start)
        except (OSError, LaunchRefused) as error:
            self._free(worker)
            if isinstance(error, LaunchRefused):
                raise
            raise LaunchRefused(f"no channel to a container: {error}") from error
        self._workers[worker.id] = self._serving[instance] = worker

    def _wake(self, worker: ContainedWorker, instance: str, descriptors: tuple[int, ...]) -> None:
        worker.instance = instance
        worker.phase = Phase.WAKING
        worker.asked = False
        worker.descriptors = descriptors
        self._serving[instance] = worker
        try:
            self._spawner.send(frames.Resume(worker.id))
        except ProviderUnavailable:
            self._serving.pop(instance)
            worker.instance = None
            worker.drop_descriptors()
            raise
        self._limit(worker, RESUME_DEADLINE_S)

    def _doze(self, worker: ContainedWorker) -> None:
        worker.phase = Phase.DOZING
        self._say(worker, "sleep")
        self._limit(worker, DOZE_DEADLINE_S)

    def _heard(self, event: frames.Event) -> None:
        match event:
            case frames.Up(engine):
                self._engine = engine
                self._up.set()
                return
            case frames.Down(detail):
                logger.warning("%s", detail)
                self._trouble = detail
                self._up.clear()
                return
            case _:
                worker = self._workers.get(event.id)
        if worker is None:
            return
        match event:
            case frames.Started(_, pid):
                worker.pid = pid
                self._launched(worker)
            case frames.Refused(_, detail) if worker.phase is Phase.STARTING:
                self._gone(worker, EndReason.CRASHED, detail)
            case frames.Refused(_, detail):
                logger.warning("container of %s: %s", worker.id, detail)
                self._end_container(worker)
            case frames.Paused():
                self._paused(worker)
            case frames.Resumed():
                worker.stop_timer()
                self._launched(worker)
                self._hand_over(worker)
            case frames.Exited(_, status, out_of_memory, detail):
                reason = reason_of(
                    status=status,
                    asked=worker.asked,
                    limit=EndReason.MEMORY_LIMIT if out_of_memory else "",
                )
                if worker.given_up and reason is EndReason.KILLED:
                    # By us, after it had failed to do what it should.
                    reason = EndReason.CRASHED
                said = f"{detail_of(status=status)} {detail}".strip()
                self._gone(worker, reason, said)
            case _:
                assert_never(event)

    def _report(self, worker: ContainedWorker, report: Report) -> None:
        instance = worker.instance
        match report:
            case Ready() if instance is not None:
                worker.phase = Phase.SERVING
                self._deliver(BecameReady(instance=instance))
            case LimitMet() if instance is not None:
                self._deliver(Draining(instance=instance))
            case Load(active, calls) if instance is not None:
                self._deliver(LoadSeen(instance=instance, active=active, calls=calls))
            case Asleep() if worker.phase is Phase.DOZING:
                self._let_go(worker, EndReason.STOPPED, "asleep")
                try:
                    self._spawner.send(frames.Pause(worker.id))
                except ProviderUnavailable:
                    worker.phase = Phase.ENDING
                self._limit(worker, DOZE_DEADLINE_S)
            case _:
                logger.debug("%s reports out of turn: %r", worker.id, report)

    def _launched(self, worker: ContainedWorker) -> None:
        if worker.instance is not None:
            self._deliver(Launched(instance=worker.instance, pid=worker.pid))

    def _paused(self, worker: ContainedWorker) -> None:
        worker.stop_timer()
        if worker.phase is not Phase.DOZING or worker.instance is not None:
            return
        worker.phase = Phase.ASLEEP
        for old in self._sleepers.add(worker, now=time.monotonic()):
            self._end_container(old)

    def _hand_over(self, worker: ContainedWorker) -> None:
        """Give the container its turn: configuration, listening socket, log."""
        if worker.descriptors:
            self._say(worker, "serve", worker.descriptors)
            worker.drop_descriptors()

    def _say(self, worker: ContainedWorker, op: str, descriptors: tuple[int, ...] = ()) -> None:
        try:
            if worker.channel is not None:
                worker.channel.send(op, descriptors)
        except ChannelBroken as error:
            logger.warning("container of %s: %s", worker.id, error)
            self._end_container(worker)

    def _hung_up(self, worker: ContainedWorker) -> None:
        """Its process has ended, or closed what it must not: the container ends either way."""
        if worker.phase is not Phase.ENDING:
            worker.phase = Phase.ENDING
            self._limit(worker, END_DEADLINE_S)

    def _limit(self, worker: ContainedWorker, seconds: float) -> None:
        """End the container unless something is heard of it in time."""
        worker.stop_timer()
        loop = asyncio.get_running_loop()
        worker.timer = loop.call_later(seconds, self._give_up, worker)

    def _give_up(self, worker: ContainedWorker) -> None:
        worker.given_up = True
        self._end_container(worker)

    def _end_container(self, worker: ContainedWorker) -> None:
        worker.phase = Phase.ENDING
        self._sleepers.forget(worker)
        # A spawner that is gone took its containers along, or the next one will.
        with contextlib.suppress(ProviderUnavailable):
            self._spawner.send(frames.End(worker.id))

    def _let_go(self, worker: ContainedWorker, reason: EndReason, detail: str) -> None:
        """End the instance that the container served as, once."""
        instance, worker.instance = worker.instance, None
        if instance is not None:
            del self._serving[instance]
            self._deliver(Ended(instance=instance, reason=reason, detail=detail))

    def _gone(self, worker: ContainedWorker, reason: EndReason, detail: str) -> None:
        self._workers.pop(worker.id, None)
        self._sleepers.forget(worker)
        self._free(worker)
        self._let_go(worker, reason, detail)

    def _free(self, worker: ContainedWorker) -> None:
        worker.stop_timer()
        worker.drop_descriptors()
        if worker.relay is not None:
            worker.relay.close()
        if worker.channel is not None:
            worker.channel.close()

    def _spawner_lost(self) -> None:
        self._up.clear()
        for worker in list(self._workers.values()):
            reason = EndReason.STOPPED if worker.asked else EndReason.KILLED
            self._gone(worker, reason, "the spawner ended")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            for worker in self._sleepers.due(now=time.monotonic(), wanted=self._wanted):
                self._end_container(worker)


def _emptied(channels: Path) -> None:
    """Have the folder, with nothing in it; it may be a mount point."""
    channels.mkdir(mode=0o700, exist_ok=True)
    for left in channels.iterdir():
        shutil.rmtree(left, ignore_errors=True)


def _descriptors(launch: Launch, facts: Facts) -> tuple[int, ...]:
    reader = pipe_holding(facts.config)
    try:
        listener = bound_listener(Path(facts.socket))
    except OSError as error:
        os.close(reader)
        raise LaunchRefused(f"{facts.socket}: {error}") from error
    log = () if launch.log_fd is None else (os.dup(launch.log_fd),)
    return (reader, listener.detach(), *log)
