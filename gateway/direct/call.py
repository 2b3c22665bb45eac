"""One call on its direct way: from a kept connection's answer to the client's."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from gateway.answer import problem_answer
from gateway.deadline import out_of_time
from gateway.direct.answer_bytes import MAX_WHOLE_BYTES, answer_bytes, head_bytes
from gateway.direct.kept_answer import MOST_S, KeptAnswer, may_be_kept
from gateway.direct.known_answers import WholeAnswer
from gateway.direct.plan import Plan
from gateway.fleet import Worker
from gateway.forwarding.connection import BODILESS, UpstreamConnection
from gateway.forwarding.errors import ClosedWhileIdle, ConnectFailed, UpstreamFailed
from gateway.function_limits import Allowance
from gateway.problems import problem_of
from gateway.served_answer import answer_headers, check_answer
from gateway.upstream_head import ids_at_the_end

if TYPE_CHECKING:
    from gateway.direct.door import DirectClient, DirectDoor

logger = logging.getLogger(__name__)

CLIENT_CLOSED = 499
_IDS = frozenset({b"x-request-id", b"x-call-id"})


class DirectCall:
    """A call that has a worker and a connection to it; `due` is the event loop's time of its end.

    It ends once: with the worker's answer, a problem, or without a client.
    """

    __slots__ = (
        "_body_at",
        "_client",
        "_connection",
        "_data",
        "_door",
        "_first",
        "_over",
        "_plan",
        "_task",
        "_whole",
        "_worker",
        "_writes",
        "allowance",
        "call",
        "due",
    )

    def __init__(
        self, door: "DirectDoor", client: "DirectClient", plan: Plan, data: bytes, worker: Worker
    ) -> None:
        self._client = client
        self._plan = plan
        self._data = data
        self._worker = worker
        self._connection: UpstreamConnection | None = None
        self._door = door
        self._task: asyncio.Task[None] | None = None
        self._body_at = 0
        self._over = False
        self._writes = 0
        self._first = b""
        self._whole: WholeAnswer | None = None
        self.allowance: Allowance | None = None
        self.due = 0.0
        self.call = plan.template.begun_anew()

    def begin(self, *, due: float, body_at: int) -> None:
        """Send the request, whose body is at `body_at` of its bytes."""
        call = self.call
        self.due = due
        self._body_at = body_at
        self._door.began(self)
        self._plan.fleet.writes += self._plan.writes
        self._writes = self._plan.fleet.writes
        call.instance, call.version = self._worker.id, self._worker.version
        connection = self._worker.pool.take_kept()
        if connection is None:
            self._task = asyncio.create_task(self._connect())
        else:
            self._send(connection)

    async def _connect(self) -> None:
        try:
            connection = await self._worker.pool.acquire()
        except (ConnectFailed, UpstreamFailed) as error:
            # Nothing was sent: the general way finds another worker, or says why not.
            self._task = None
            if isinstance(error, ConnectFailed):
                self._plan.fleet.lost(self._worker)
            self._leave(reusable=False)
            self._client.carry_in_general(self._data)
            return
        self._task = None
        self._send(connection)

    def _send(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        connection.listener = self._heard
        connection.take_whole = self._take_whole
        body = memoryview(self._data)[self._body_at :]
        connection.begin(
            data=b"".join((self._plan.asked, ids_at_the_end(self.call), body)), head_request=False
        )
        if connection.error is not None:
            # Later, when the client's connection knows of this call.
            asyncio.get_running_loop().call_soon(self._heard)

    def client_gone(self) -> None:
        """End without a client."""
        if self._over:
            return
        self.call.status = CLIENT_CLOSED
        self.call.client_gone = True
        # A worker had it: it ran, though nobody waited for the answer.
        self.call.run_s = self.call.elapsed_s()
        self._leave(reusable=False)
        self._door.ended(self.call)

    def end_of_time(self) -> None:
        """End with the problem that its time is over."""
        self._failed(out_of_time(self.call, on_client=False))

    def _take_whole(self, data: bytes) -> bool:
        self._first = data
        self._whole = self._door.answers.find(data)
        return self._whole is not None

    def _heard(self) -> None:
        """There is more of the answer, its end or an error."""
        connection = self._connection
        if self._over or connection is None:
            return
        try:
            if connection.error is not None:
                self._broken(connection.error)
            elif self._whole is not None:
                self._finish_whole(self._whole)
            elif connection.complete:
                self._finish(connection)
            elif connection.head_done and _is_long(connection):
                connection.listener = None
                self._task = asyncio.create_task(self._pass_on(connection))
        except Exception as error:  # noqa: BLE001 - the edge: every error becomes an answer
            self._failed(error)

    def _finish_whole(self, answer: WholeAnswer) -> None:
        call, client = self.call, self._client
        call.run_s = time.monotonic() - call.clock
        answer.tell(call)
        self._leave(reusable=True)
        self._door.answered(call, client, answer.for_caller(call, client.date_line()))

    def _finish(self, connection: UpstreamConnection) -> None:
        call, plan = self.call, self._plan
        body = connection.take_received()
        call.run_s = time.monotonic() - call.clock
        check_answer(call, plan.route, connection)
        headers = answer_headers(call, plan.route, connection)
        if connection.announced_bytes is None and call.status not in BODILESS:
            headers.append((b"content-length", b"%d" % len(body)))
        call.bytes_out = len(body)
        if connection.reusable:
            self._door.answers.learn(
                self._first, status=connection.status, headers=connection.headers, body=body
            )
        if may_be_kept(call.method, connection, size=len(body)):
            plan.kept = KeptAnswer(
                headers=[pair for pair in headers if pair[0] not in _IDS],
                body=body,
                writes=self._writes,
                until=self.due - plan.deadline_s + MOST_S,
            )
        self._leave(reusable=True)
        client = self._client
        answer = answer_bytes(call.status, client.date_line(), headers, body)
        self._door.answered(call, client, answer)

    def _broken(self, error: Exception) -> None:
        if isinstance(error, ClosedWhileIdle) and self._plan.repeatable:
            self._leave(reusable=False)
            self._client.carry_in_general(self._data)
            return
        self._failed(error)

    def _failed(self, error: Exception) -> None:
        if self._over:
            return
        call, client = self.call, self._client
        call.run_s = call.elapsed_s()
        self._leave(reusable=False)
        if call.response_started:
            logger.warning("the answer broke off: %s", error, extra={"call": call.call_id})
            call.problem = problem_of(error)[1]
            self._door.ended(call)
            client.abort()
            return
        headers, body = problem_answer(call, error)
        headers.append((b"content-length", b"%d" % len(body)))
        answer = answer_bytes(call.status, client.date_line(), headers, body)
        self._door.answered(call, client, answer)

    async def _pass_on(self, connection: UpstreamConnection) -> None:
        """Pass on an answer that is long, or has no end yet, piece by piece."""
        call, client = self.call, self._client
        try:
            check_answer(call, self._plan.route, connection)
            headers = answer_headers(call, self._plan.route, connection)
            chunked = connection.announced_bytes is None
            if chunked:
                headers.append((b"transfer-encoding", b"chunked"))
            said = head_bytes(call.status, client.date_line(), headers)
            # Its word was of the time until the head: a streamed answer took longer.
            call.worker_run_s = None
            while connection.has_more:
                data = await connection.next_chunk()
                call.bytes_out += len(data)
                call.run_s = call.elapsed_s()
                if not connection.has_more:
                    break
                call.response_started = True
                await client.send_some(said + (_chunk(data) if chunked else data))
                said, data = b"", b""
            self._task = None
            self._leave(reusable=True)
            last = (_chunk(data) if data else b"") + b"0\r\n\r\n" if chunked else data
            self._door.answered(call, client, said + last)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the edge: every error becomes an answer
            self._task = None
            self._failed(error)

    def _leave(self, *, reusable: bool) -> None:
        """Give back what the call has; it has ended."""
        self._over = True
        self._plan.fleet.writes += self._plan.writes
        self._door.under_way.discard(self)
        if self._task is not None:
            self._task.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.listener = connection.take_whole = None
            if not reusable:
                connection.reusable = False
            self._worker.pool.release(connection)
        self._plan.fleet.release(self._worker, seconds=self.call.run_s if reusable else None)
        if self.allowance is not None:
            self.allowance.leave()


class AnsweredCall:
    """A call that needed no worker; its answer is on its way."""

    def client_gone(self) -> None:
        """Its account is closed already."""


def _is_long(connection: UpstreamConnection) -> bool:
    length = connection.announced_bytes
    return length is None or length > MAX_WHOLE_BYTES


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
