"""The ASGI application around a tenant's `async def handle(event, context)`."""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import Any, Final

from functions.runtime.answer import BYTES, TEXT, AnswerUnusable, answer_of
from functions.runtime.context import Context
from functions.runtime.counted import asked_by_agent
from functions.runtime.event import TRIGGERS, Event, Response, Trigger
from functions.runtime.function_log import current_call
from functions.runtime.lifespan import serve_lifespan
from functions.runtime.problem import send_problem
from functions.runtime.request import Caller, caller_of
from functions.runtime.resources import Resources
from functions.runtime.tenant_call import (
    CallerGone,
    Message,
    Receive,
    Send,
    deadline,
    is_expected,
    problem_of_call,
    while_caller_waits,
)

Handle = Callable[[Event, Context], Awaitable[Any]]
# What the gateway says to the worker, and to nobody's handler.
_INNER: Final = b"x-gridfaas-"


class HandlerApp:
    """Calls `handle` once a request."""

    def __init__(self, handle: Handle, *, resources: Resources) -> None:
        self._handle = handle
        self._resources = resources

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request; an error of the handler is answered, then raised to be logged."""
        if scope["type"] == "lifespan":
            await serve_lifespan(self._resources, receive, send)
            return
        if asked_by_agent(scope):
            await answer_agent(send)
            return
        call_id, request_id, started = "", "", False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            caller = caller_of(scope["headers"])
            call_id, request_id = caller.call_id, caller.request_id
            current_call.set(call_id)
            await self._call(scope, caller, receive, send_noting)
        except CallerGone:
            return
        except Exception as error:
            if not started:
                problem = problem_of_call(error, call_id=call_id)
                await send_problem(send, problem, request_id=request_id)
            if not is_expected(error):
                raise

    async def _call(self, scope: Message, caller: Caller, receive: Receive, send: Send) -> None:
        async with deadline(self._resources.timeout_s(caller)):
            context = self._resources.context(caller)
            event = event_of(scope, caller, await _body(receive))
            async with while_caller_waits(receive):
                answer = answer_of(await self._handle(event, context))
                if isinstance(answer.body, AsyncIterable):
                    await _stream(send, answer, answer.body)
                    return
            await _send_whole(send, answer)


async def answer_agent(send: Send) -> None:
    """Answer the worker's own agent, which asks for health and metrics: well, and none."""
    await _send_whole(send, Response(headers={"content-type": TEXT}))


def event_of(scope: Message, caller: Caller, body: bytes) -> Event:
    """Return the event that a request is; the trigger is in its caller's role."""
    trigger: Trigger = next((kind for kind in TRIGGERS if kind == caller.role), "http")
    return Event(
        method=scope["method"],
        path=scope["path"] or "/",
        query_string=scope["query_string"].decode("ascii", "replace"),
        headers=_headers(scope["headers"]),
        body=body,
        trigger=trigger,
        call_id=caller.call_id,
        attempt=_attempt(caller.call_id) if trigger != "http" else 1,
    )


def _attempt(call_id: str) -> int:
    """Calls of the zone's own are numbered behind their id: `<id>.<attempt>`."""
    number = call_id.rpartition(".")[2]
    return int(number) if number.isdecimal() else 1


def _headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in headers:
        if not raw.startswith(_INNER):
            name, text = raw.decode("latin-1"), value.decode("latin-1")
            found[name] = f"{found[name]}, {text}" if name in found else text
    return found


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send_whole(send: Send, answer: Response) -> None:
    assert not isinstance(answer.body, AsyncIterable)
    kind = TEXT if isinstance(answer.body, str) else BYTES
    body = answer.body.encode() if isinstance(answer.body, str) else answer.body or b""
    headers = _lines(answer, kind=kind if body else None)
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _stream(send: Send, answer: Response, pieces: AsyncIterable[bytes]) -> None:
    headers = _lines(answer, kind=BYTES)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    async for piece in pieces:
        await send({"type": "http.response.body", "body": bytes(piece), "more_body": True})
    await send({"type": "http.response.body"})


def _lines(answer: Response, *, kind: str | None) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, without those that only the runtime may set."""
    if not 200 <= answer.status <= 599:
        raise AnswerUnusable(f"the handler answered with the status {answer.status}")
    lines: list[tuple[bytes, bytes]] = []
    typed = False
    for name, value in answer.headers.items():
        said = (name.lower().encode("latin-1"), str(value).encode("latin-1"))
        if any(mark in part for part in said for mark in (b"\r", b"\n", b"\0")) or not said[0]:
            raise AnswerUnusable(f"the handler answered with a header {name!r} of more lines")
        typed = typed or said[0] == b"content-type"
        if said[0] not in _FRAMING and not said[0].startswith(_INNER):
            lines.append(said)
    if kind is not None and not typed:
        lines.append((b"content-type", kind.encode()))
    return lines


_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection"})
