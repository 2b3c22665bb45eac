"""The door to the control plane: the same keys, limits and accounts as for functions."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from gateway.agent_client import AgentClient
from gateway.answer import answer_error
from gateway.asgi import Message, Receive, Scope, Send
from gateway.catalogue import Catalogue
from gateway.control.app import build_control_app
from gateway.control.caller import SCOPE_KEY, ControlCall
from gateway.deadline import out_of_time
from gateway.instances import Instances
from gateway.invocation import Invocation
from gateway.keyring import presented_key
from gateway.observers import Account
from gateway.rate_limits import RateLimits
from gateway.request_body import ClientGone, RequestBody
from gateway.request_head import RequestHead, read_request_head, request_id_of
from gateway.snapshot_watch import SnapshotWatch
from storage.platform.functions.bundle import MAX_PACKED_BYTES
from storage.platform.registry import Registry
from storage.platform.usage.bills import Bills

logger = logging.getLogger(__name__)

FUNCTION = "platform"
_DEPLOY = "/v1/platform/functions"
_LOGS = "/logs"
DEPLOY_S = 120.0
FOLLOW_S = 3_600.0


class ControlEntry:
    """An ASGI application around the FastAPI one."""

    PREFIX = "/v1/platform/"
    PATHS = frozenset({"/v1/usage", "/v1/usage/close", "/v1/usage/recount"})
    PUBLIC = frozenset({"/docs"})

    def __init__(
        self,
        *,
        zone: str,
        snapshots: SnapshotWatch,
        catalogue: Catalogue,
        limits: RateLimits,
        account: Account,
        agent: AgentClient,
        instances: Instances,
        registry: Registry | None,
        bills: Bills | None,
        max_body_bytes: int,
        timeout_s: float,
    ) -> None:
        self._app = build_control_app()
        self._zone = zone
        self._snapshots = snapshots
        self._catalogue = catalogue
        self._limits = limits
        self._account = account
        self._registry = registry
        self._bills = bills
        self._agent = agent
        self._instances = instances
        self._max_body_bytes = max_body_bytes
        self._timeout_s = timeout_s

    def interface(self) -> dict[str, Any]:
        """Return the control plane's own OpenAPI document."""
        return self._app.openapi()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        call = Invocation(
            request_id=request_id_of(scope["headers"]),
            method=scope["method"],
            path=scope["path"],
            zone=self._zone,
            function=FUNCTION,
            deadline_s=self._allowed(scope)[1],
        )
        must_close = False
        try:
            head = read_request_head(scope["headers"])
            must_close = head.expects_continue
            await self._carry(call, scope, head, receive, send)
        except ClientGone:
            call.status = 499
        except Exception as error:
            if call.response_started:
                # FastAPI has answered with a problem before it raised the cause on to us.
                logger.error(
                    "a control call failed unforeseen",
                    exc_info=error,
                    extra={"request_id": call.request_id},
                )
                return
            await answer_error(
                call=call, error=error, account=self._account, send=send, must_close=must_close
            )
        finally:
            self._account.close(call)

    async def _carry(
        self, call: Invocation, scope: Scope, head: RequestHead, receive: Receive, send: Send
    ) -> None:
        if scope["path"] not in self.PUBLIC:
            ring = self._snapshots.ring
            call.caller = ring.caller(presented_key(head.read))
            call.tenant = call.caller.tenant
            self._limits.take(caller=call.caller, tenant=call.tenant, ring=ring)
            call.admitted = True
            scope[SCOPE_KEY] = ControlCall(
                caller=call.caller,
                request_id=call.request_id,
                snapshots=self._snapshots,
                catalogue=self._catalogue,
                agent=self._agent,
                instances=self._instances,
                registry=self._registry,
                bills=self._bills,
            )
        most, within_s = self._allowed(scope)
        body = RequestBody(receive, head=head, limit=most)
        try:
            async with asyncio.timeout(within_s):
                whole = await body.prefix(most + 1)
                call.bytes_in = len(whole)
                call.waiting_for = "the platform's record"
                await self._app(scope, _once(whole, receive), self._counted(call, send))
        except TimeoutError as error:
            raise out_of_time(call, on_client=body.waiting) from error

    def _allowed(self, scope: Scope) -> tuple[int, float]:
        """Return the largest body in bytes and the longest time in seconds of a request."""
        if scope["path"] == _DEPLOY and scope["method"] == "POST":
            return MAX_PACKED_BYTES, max(DEPLOY_S, self._timeout_s)
        if scope["path"].startswith(_DEPLOY) and scope["path"].endswith(_LOGS):
            return self._max_body_bytes, FOLLOW_S
        return self._max_body_bytes, self._timeout_s

    def _counted(self, call: Invocation, send: Send) -> Send:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                call.response_started = True
                said = (b"x-request-id", call.request_id.encode())
                message = _with_header(message, said)
            else:
                call.bytes_out += len(message.get("body", b""))
                if not message.get("more_body", False):
                    self._account.close(call)
            await send(message)

        return counted


def _with_header(message: Mapping[str, object], header: tuple[bytes, bytes]) -> Message:
    headers = message.get("headers") or []
    assert isinstance(headers, list)
    return {**message, "headers": [*headers, header]}


def _once(body: bytes, receive: Receive) -> Receive:
    """Give `body` as one message, and then whatever the client does next."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
