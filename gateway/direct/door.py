"""Carries plain calls from the client's bytes to the worker's and back, without a task for each.

Most calls are alike: the whole request comes at once, its head word for word the same as the last
one's, and a worker is free. For those the way through the server, ASGI
and tasks costs more than all the rest. What is not so goes that way; see `gateway.invoke`.
"""

import asyncio
import logging
from hashlib import sha256
from typing import Final, Protocol

from gateway.admission import Admission
from gateway.direct.answer_bytes import answer_bytes
from gateway.direct.call import AnsweredCall, DirectCall
from gateway.direct.kept_answer import KeptAnswer
from gateway.direct.known_answers import KnownAnswers
from gateway.direct.plain_head import read_plain_head
from gateway.direct.plan import Plan, Planner
from gateway.invocation import Invocation
from gateway.ledger.log import LedgerLog
from gateway.observers import Account
from gateway.refusal import Refusal
from gateway.snapshot_watch import NoSnapshot

logger = logging.getLogger(__name__)

HEAD_END = b"\r\n\r\n"
MAX_HEAD_BYTES = 4 * 1024
MAX_PLANS = 2_048
SWEEP_EVERY_S = 0.05


class DirectClient(Protocol):
    """The client's connection, as far as a direct call uses it."""

    def answered(self, data: bytes) -> None:
        """Write the whole answer; the connection is free for the next request."""

    def date_line(self) -> bytes:
        """Return the headers that every answer has, with their line ends."""

    def carry_in_general(self, data: bytes) -> None:
        """Take the request the general way."""

    async def send_some(self, data: bytes) -> None:
        """Write a piece of an answer, and wait while the client does not read."""

    def abort(self) -> None:
        """Drop the connection."""


class UnderWay(Protocol):
    """A call that was taken."""

    def client_gone(self) -> None:
        """End without a client."""


class DirectDoor:
    """Plans by the digest of a request's head, and the calls under way.

    A head is known by its digest and its plan has no key in it: none stays in memory.
    """

    def __init__(
        self, *, planner: Planner, admission: Admission, account: Account, ledger: LedgerLog
    ) -> None:
        self._planner = planner
        self._admission = admission
        self._account = account
        self._edition: object = None
        self._plans: dict[bytes, Plan | None] = {}
        self._ledger = ledger
        self._answers: list[tuple[DirectClient, bytes]] = []
        self.under_way: set[DirectCall] = set()
        self.answers: Final = KnownAnswers()
        self._loop = asyncio.get_running_loop()
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, client: DirectClient, data: bytes) -> UnderWay | None:
        """Begin the call that `data` holds, if it is a plain one and can begin at once."""
        end = data.find(HEAD_END, 0, MAX_HEAD_BYTES)
        if end < 0:
            return None
        end += len(HEAD_END)
        plan = self._plan(data, end)
        if plan is None or plan.body_bytes != len(data) - end:
            return None
        now = self._loop.time()
        if plan.kept is not None and plan.kept.holds(plan.fleet, now=now):
            return self._answer_again(client, plan, plan.kept)
        worker = plan.fleet.take_free(now)
        if worker is None:
            return None
        call = DirectCall(self, client, plan, data, worker)
        try:
            plan.counted.check_time()
            call.allowance = self._admission.count(call.call, plan.route, plan.counted)
        except Refusal:
            # Not counted yet: the general way finds the same, and says it.
            plan.fleet.release(worker)
            return None
        call.begin(due=now + plan.deadline_s, body_at=end)
        return call

    def _answer_again(self, client: DirectClient, plan: Plan, kept: KeptAnswer) -> UnderWay | None:
        call = plan.template.begun_anew()
        try:
            plan.counted.check_time()
            allowance = self._admission.count(call, plan.route, plan.counted)
        except Refusal:
            return None
        if allowance is not None:
            allowance.leave()
        call.status, call.bytes_out = 200, len(kept.body)
        ids = [
            (b"x-request-id", call.request_id.encode()),
            (b"x-call-id", call.call_id.encode()),
        ]
        said = answer_bytes(200, client.date_line(), [*kept.headers, *ids], kept.body)
        self._account.close(call)
        self._answers.append((client, said))
        # Later, when the client's connection knows of this call.
        self._loop.call_soon(self._deliver)
        return AnsweredCall()

    def answered(self, call: Invocation, client: DirectClient, answer: bytes) -> None:
        """End a call's account; its answer leaves when that is in the ledger.

        Calls that end in the same turn of the event loop are written there together.
        """
        self._account.close(call)
        if not self._answers and self.under_way:
            self._loop.call_soon(self._deliver)
        self._answers.append((client, answer))
        if not self.under_way:
            # No other call can end in this turn: there is nobody to wait for.
            self._deliver()

    def ended(self, call: Invocation) -> None:
        """End the account of a call that has no answer."""
        self._account.close(call)
        self._ledger.flush()

    def _deliver(self) -> None:
        self._ledger.flush()
        answers, self._answers = self._answers, []
        for client, answer in answers:
            client.answered(answer)

    def began(self, call: DirectCall) -> None:
        """Take note of a call, which is ended when its time is over."""
        self.under_way.add(call)
        if self._sweep is None:
            self._sweep = self._loop.call_later(SWEEP_EVERY_S, self._look)

    def _look(self) -> None:
        self._sweep = None
        now = self._loop.time()
        for call in [one for one in self.under_way if one.due <= now]:
            call.end_of_time()
        if self.under_way and self._sweep is None:
            self._sweep = self._loop.call_later(SWEEP_EVERY_S, self._look)

    def close(self) -> None:
        """End all calls under way, as if their clients had gone."""
        if self._sweep is not None:
            self._sweep.cancel()
        for call in list(self.under_way):
            call.client_gone()
        self._deliver()

    def _plan(self, data: bytes, end: int) -> Plan | None:
        try:
            edition = self._admission.edition
        except NoSnapshot:
            return None
        if edition != self._edition:
            self._edition = edition
            self._plans.clear()
        digest = sha256(memoryview(data)[:end]).digest()
        try:
            return self._plans[digest]
        except KeyError:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            head = read_plain_head(data[:end])
            plan = self._plans[digest] = None if head is None else self._planner.plan(head)
            return plan
