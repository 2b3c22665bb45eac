"""Carries queued calls out: fair between tenants, bounded, and never losing one."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from functions.messaging.deployments import Deployments
from functions.messaging.gateway_calls import GatewayCalls
from functions.messaging.kept_result import result_of, retry_after_s, zone_unready
from functions.messaging.metrics import MessagingMetrics
from functions.messaging.retry_rule import Ended, TryAgain, Verdict, after_answer, after_failure
from functions.messaging.settings import MessagingSettings
from functions.messaging.telling import Telling
from functions.messaging.turns import Turns
from functions.runtime.http_line import Answer, NoAnswer
from storage.hot.connection import CommandRefused
from storage.hot.queues.calls import CallQueue, Taken
from storage.hot.queues.record import CallRecord, Result, State
from storage.ports import StoreFull, StoreUnavailable

STORE_ERRORS: Final = (StoreUnavailable, StoreFull, CommandRefused)
RECORD_FOR_S: Final = 60.0
GIVE_BACK_S: Final = 2.0
TENANTS_EVERY_S: Final = 5.0
# Of one tenant at a time, so that the next one's turn comes soon.
A_TURN: Final = 8

logger = logging.getLogger(__name__)


class Runner:
    """Takes what is due under leases and sees it through; `poke` when something new may be."""

    def __init__(
        self,
        *,
        queue: CallQueue,
        gateway: GatewayCalls,
        telling: Telling,
        deployments: Deployments,
        settings: MessagingSettings,
        metrics: MessagingMetrics,
    ) -> None:
        self._queue = queue
        self._gateway = gateway
        self._telling = telling
        self._deployments = deployments
        self._settings = settings
        self._metrics = metrics
        self._turns = Turns()
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._running: Counter[str] = Counter()
        self._changed = asyncio.Event()

    def poke(self, tenant: str) -> None:
        """Look at a tenant's queue now."""
        self._turns.due(tenant, at_s=0.0)
        self._changed.set()

    def stop_call(self, tenant: str, call_id: str) -> None:
        """Drop a call that was cancelled, if it is under way here."""
        task = self._tasks.get((tenant, call_id))
        if task is not None:
            task.cancel()

    async def run(self) -> None:
        """Work until cancelled; what is under way then is given back to its queue."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow_tenants())
                group.create_task(self._renew())
                await self._take_for_ever()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _take_for_ever(self) -> None:
        while True:
            self._changed.clear()
            try:
                await self._take_turns()
            except STORE_ERRORS as error:
                logger.warning("the queues cannot be read: %s", error)
                await asyncio.sleep(self._settings.look_every_s)
                continue
            except Exception:
                # The edge of this task: what was taken comes back when its lease ends.
                logger.exception("taking calls failed")
                await asyncio.sleep(self._settings.look_every_s)
                continue
            wait_s = self._turns.next_s(
                now_s=time.monotonic(), at_most_s=self._settings.look_every_s
            )
            if len(self._tasks) >= self._settings.at_once:
                wait_s = self._settings.look_every_s
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _take_turns(self) -> None:
        """Give each tenant that has something due its turn, until all are served or busy."""
        while (free := self._settings.at_once - len(self._tasks)) > 0:
            tenant = self._turns.next(now_s=time.monotonic(), busy=self._busy)
            if tenant is None:
                return
            room = min(free, A_TURN, self._settings.at_once_tenant - self._running[tenant])
            taking = await self._queue.take(tenant, limit=room, lease_s=self._settings.lease_s)
            now_s = time.monotonic()
            wait_s = self._settings.look_every_s if taking.next_due_s is None else taking.next_due_s
            self._turns.due(tenant, at_s=now_s + min(wait_s, self._settings.look_every_s))
            for one in taking.taken:
                self._start(tenant, one)

    def _busy(self, tenant: str) -> bool:
        return self._running[tenant] >= self._settings.at_once_tenant

    def _start(self, tenant: str, one: Taken) -> None:
        key = tenant, one.member
        if key in self._tasks:
            # Its lease ended while this worker was slow: it is seen through all the same.
            return
        work = self._tell(tenant, one) if one.tell else self._carry(tenant, one.record)
        task = asyncio.create_task(work, name=f"call {one.member}")
        self._tasks[key] = task
        self._running[tenant] += 1

        def over(task: asyncio.Task[None]) -> None:
            del self._tasks[key]
            self._running[tenant] -= 1
            if not task.cancelled() and (error := task.exception()) is not None:
                # Its lease ends, and it is taken up again.
                logger.error("call %s of %s broke off", one.member, tenant, exc_info=error)
            self.poke(tenant)

        task.add_done_callback(over)

    async def _tell(self, tenant: str, one: Taken) -> None:
        await self._persist(lambda: self._telling.tell(tenant, one.record))

    async def _carry(self, tenant: str, record: CallRecord) -> None:
        began_s = time.monotonic()
        answer: Answer | None = None
        try:
            if time.time() - record.created_ms / 1000 > self._settings.longest_wait_s:
                verdict: Verdict = Ended(False, "it waited longer than calls may wait")
            else:
                answer, verdict = await self._try(tenant, record)
        except asyncio.CancelledError:
            await self._give_back(tenant, record)
            raise
        self._metrics.tried(tenant, record, seconds=time.monotonic() - began_s)
        if isinstance(verdict, TryAgain):
            again = verdict
            await self._persist(lambda: self._again(tenant, record, again))
            return
        result = None if answer is None else result_of(answer)
        ended = verdict
        await self._persist(lambda: self._finish(tenant, record, ended, result))

    async def _try(self, tenant: str, record: CallRecord) -> tuple[Answer | None, Verdict]:
        within_s = record.retrying.timeout_s + self._settings.answer_margin_s
        try:
            answer = await self._gateway.call(tenant, record, within_s=within_s)
        except NoAnswer as error:
            return None, after_failure(
                reason=str(error),
                sent=error.sent,
                attempts=record.attempts,
                retrying=record.retrying,
                spread=random.random(),
            )
        return answer, after_answer(
            status=answer.status,
            retry_after_s=retry_after_s(answer.headers),
            zone_unready=self._unready(tenant, record, answer),
            attempts=record.attempts,
            retrying=record.retrying,
            spread=random.random(),
        )

    def _unready(self, tenant: str, record: CallRecord, answer: Answer) -> bool:
        if time.time() - record.created_ms / 1000 > self._settings.unready_s:
            return False
        function = record.request.function
        deployed = self._deployments.find(tenant, function) is not None
        return zone_unready(answer, deployed=deployed)

    async def _again(self, tenant: str, record: CallRecord, again: TryAgain) -> None:
        await self._queue.again(
            tenant, record, delay_s=again.delay_s, counted=again.counted, reason=again.reason
        )
        self._metrics.again(tenant, record, counted=again.counted)

    async def _finish(
        self, tenant: str, record: CallRecord, ended: Ended, result: Result | None
    ) -> None:
        state = State.DONE if ended.good else State.FAILED
        how = await self._queue.finish(
            tenant,
            record,
            state,
            result=result,
            reason=ended.reason,
            letters=self._settings.letters,
        )
        if how == "recorded":
            self._metrics.ended(tenant, record, state)
        if state is State.FAILED:
            logger.info(
                "call %s of %s to %s failed: %s",
                record.id,
                tenant,
                record.request.function,
                ended.reason,
            )

    async def _give_back(self, tenant: str, record: CallRecord) -> None:
        """Let another worker have it at once; a cancelled call is not touched by this."""
        try:
            async with asyncio.timeout(GIVE_BACK_S):
                await self._queue.again(
                    tenant, record, delay_s=0.0, counted=False, reason="the worker ended"
                )
        except (TimeoutError, *STORE_ERRORS) as error:
            logger.info("call %s waits for its lease to end: %s", record.id, error)

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write what happened, also if the store comes back only after a while."""
        until_s = time.monotonic() + RECORD_FOR_S
        while True:
            try:
                await write()
                return
            except (StoreUnavailable, StoreFull) as error:
                if time.monotonic() > until_s:
                    raise
                logger.warning("what became of a call is not recorded yet: %s", error)
            await asyncio.sleep(0.5)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_s / 3)
            for tenant in {tenant for tenant, _ in self._tasks}:
                members = [member for of, member in self._tasks if of == tenant]
                try:
                    gone = await self._queue.renew(tenant, members, lease_s=self._settings.lease_s)
                except STORE_ERRORS as error:
                    logger.warning("leases of %s are not renewed: %s", tenant, error)
                    continue
                self._drop(tenant, gone)

    def _drop(self, tenant: str, gone: Iterable[str]) -> None:
        # Cancelled in another worker, or ended by it.
        for member in gone:
            self.stop_call(tenant, member)

    async def _follow_tenants(self) -> None:
        while True:
            try:
                for tenant in await self._queue.tenants():
                    self._turns.know(tenant)
                self._changed.set()
            except STORE_ERRORS as error:
                logger.info("the queues do not tell their tenants: %s", error)
                await asyncio.sleep(self._settings.look_every_s)
                continue
            await asyncio.sleep(TENANTS_EVERY_S)
