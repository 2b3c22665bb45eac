"""The path of a call: who calls, may they, where to, forward, account."""

import asyncio
import logging

from gateway.admission import Admission
from gateway.answer import answer_error
from gateway.asgi import Receive, Scope, Send
from gateway.async_calls import asked_of
from gateway.authorization import READING
from gateway.catalogue import Route
from gateway.client_connection import EXTENSION
from gateway.deadline import out_of_time
from gateway.forwarding.connection import UpstreamConnection
from gateway.forwarding.errors import ConnectFailed
from gateway.forwarding.exchange import Exchange, UpstreamRequest
from gateway.instances import Instances
from gateway.invocation import Invocation
from gateway.observers import Account
from gateway.problems import problem_of
from gateway.request_body import ClientGone, RequestBody
from gateway.request_head import (
    MalformedRequest,
    RequestHead,
    read_request_head,
    request_id_of,
)
from gateway.served_answer import answer_headers, check_answer
from gateway.upstream_head import upstream_head

logger = logging.getLogger(__name__)

# A body up to this size is read whole before a worker is taken, so that a slow client holds none.
IN_HAND_BYTES = 64 * 1024
CONNECT_ATTEMPTS = 3
CLIENT_CLOSED = 499


class InvokePath:
    """An ASGI application that carries calls to functions."""

    def __init__(
        self,
        *,
        zone: str,
        admission: Admission,
        instances: Instances,
        account: Account,
    ) -> None:
        self._zone = zone
        self._admission = admission
        self._instances = instances
        self._account = account

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every way out of here closes the call's account."""
        call = Invocation(
            request_id=request_id_of(scope["headers"]),
            method=scope["method"],
            path=scope["path"],
            zone=self._zone,
        )
        client = scope["extensions"][EXTENSION]
        task = asyncio.current_task()
        assert task is not None

        def gone() -> None:
            call.client_gone = True
            task.cancel()

        client.on_disconnect = gone
        must_close = False
        try:
            head = read_request_head(scope["headers"])
            must_close = head.expects_continue
            if head.chunked and scope["http_version"] != "1.1":
                raise MalformedRequest("chunks need HTTP/1.1")
            await self._carry(call, scope, head, receive, send)
        except asyncio.CancelledError:
            if not call.client_gone:
                raise
            task.uncancel()
            call.status = CLIENT_CLOSED
        except ClientGone:
            call.status = CLIENT_CLOSED
        except Exception as error:  # noqa: BLE001 - the edge: every error becomes an answer
            if call.response_started:
                logger.warning("the answer broke off: %s", error, extra={"call": call.call_id})
                call.problem = problem_of(error)[1]
                client.abort()
            else:
                client.on_disconnect = None
                await answer_error(
                    call=call,
                    error=error,
                    account=self._account,
                    send=send,
                    must_close=must_close,
                )
        finally:
            if client.on_disconnect is gone:
                client.on_disconnect = None
            self._account.close(call)

    async def _carry(
        self, call: Invocation, scope: Scope, head: RequestHead, receive: Receive, send: Send
    ) -> None:
        route, caller = self._admission.judge(call, head, scope["raw_path"])
        allowance = self._admission.count(call, route, caller)
        try:
            await self._run(call, scope, route, head, receive, send)
        finally:
            if allowance is not None:
                allowance.leave()

    async def _run(
        self,
        call: Invocation,
        scope: Scope,
        route: Route,
        head: RequestHead,
        receive: Receive,
        send: Send,
    ) -> None:
        call.deadline_s = head.timeout_s(allowed_s=route.spec.timeout_s)
        limit = route.spec.max_body_bytes
        if route.scoped is not None:
            limit = min(limit, route.scoped.max_body_bytes)
        body = RequestBody(receive, head=head, limit=limit)
        try:
            async with asyncio.timeout(call.deadline_s):
                await self._forward(call, route, head, body, scope["query_string"], send)
        except TimeoutError as error:
            raise out_of_time(call, on_client=body.waiting) from error
        finally:
            call.bytes_in = body.received

    async def _forward(
        self,
        call: Invocation,
        route: Route,
        head: RequestHead,
        body: RequestBody,
        query: bytes,
        send: Send,
    ) -> None:
        assert call.tenant is not None
        in_hand = b""
        if not body.ended:
            call.waiting_for = "the request's body"
            in_hand = await body.prefix(IN_HAND_BYTES)
        rest = None if body.ended else body
        # Chunks that are all in hand have a known length by now.
        length = len(in_hand) if body.ended and head.chunked else head.content_length
        chunked = rest is not None and length is None
        method, target, forwarded = asked_of(route, call.method, query, head.forwarded)
        fleet = self._instances.fleet(tenant=call.tenant, spec=route.spec)
        writes = method not in READING
        fleet.writes += writes
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            call.waiting_for = f"an instance of {call.function}"
            before = call.elapsed_s()
            starting = fleet.empty
            call.cold = call.cold or starting
            worker = await fleet.acquire()
            started = call.elapsed_s()
            call.start_s += started - before if starting else 0.0
            took: float | None = None
            call.instance_wait_s += started - before
            call.instance, call.version = worker.id, worker.version
            call.waiting_for = f"the answer of {call.function}"
            request = UpstreamRequest(
                method=method,
                head=upstream_head(
                    call=call,
                    method=method,
                    forwarded=forwarded,
                    length=length,
                    chunked=chunked,
                    target=target,
                    remaining_s=call.deadline_s - started,
                ),
                body=in_hand,
                rest=rest,
                chunked=chunked,
                repeatable=head.idempotency_key,
            )
            try:
                async with Exchange(worker.pool, request) as response:
                    await self._answer(call, route, body, response, send, since_s=started)
                took = call.run_s
                return
            except ConnectFailed:
                # Nothing was sent: another worker, or a new one, can still take the call.
                fleet.lost(worker)
                if attempt == CONNECT_ATTEMPTS:
                    raise
            except BaseException:
                # A worker had it, even if its answer never came.
                call.run_s = call.elapsed_s() - started
                raise
            finally:
                fleet.writes += writes
                fleet.release(worker, seconds=took)

    async def _answer(
        self,
        call: Invocation,
        route: Route,
        body: RequestBody,
        response: UpstreamConnection,
        send: Send,
        *,
        since_s: float,
    ) -> None:
        check_answer(call, route, response)
        headers = answer_headers(call, route, response)
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        while True:
            data = await response.next_chunk()
            last = not response.has_more
            call.bytes_out += len(data)
            call.run_s = call.elapsed_s() - since_s
            if not last:
                # Its word was of the time until the head: a streamed answer took longer.
                call.worker_run_s = None
            if last:
                call.bytes_in = body.received
                self._account.close(call)
            if not call.response_started:
                call.response_started = True
                await send(start)
            await send({"type": "http.response.body", "body": data, "more_body": not last})
            if last:
                return
