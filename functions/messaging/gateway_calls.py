"""Calling functions through the zone's own gateway, in a tenant's name."""

import asyncio
from collections.abc import Mapping
from typing import Final

from functions.messaging.http_line import Answer, HttpLine, NoAnswer, Place
from storage.hot.queues.record import CallRecord, Origin

CONNECT_S: Final = 5.0
MAX_IDLE: Final = 32
# What a gateway's attempt may have as digits.
MAX_ATTEMPT: Final = 9_999
_NO_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class GatewayCalls:
    """Connections to the gateway; safe to share between tasks of one loop."""

    def __init__(self, place: Place, *, credential: str, max_body: int) -> None:
        self._place = place
        self._credential = credential
        self._max_body = max_body
        self._idle: list[HttpLine] = []

    async def call(self, tenant: str, record: CallRecord, *, within_s: float) -> Answer:
        """Make the call once; cancelled, it drops the connection, and so the function's work.

        Raises:
            NoAnswer: none came within `within_s`.
        """
        head = request_head(
            record,
            tenant=tenant,
            credential=self._credential,
            host=f"{self._place.host}:{self._place.port}",
        )
        body = b"" if record.request.method in _NO_BODY else record.request.body
        try:
            async with asyncio.timeout(within_s):
                return await self._ask(head, body, bodiless=record.request.method == "HEAD")
        except TimeoutError as error:
            raise NoAnswer(f"no answer within {within_s:g} s", sent=True) from error

    def close(self) -> None:
        """Close the connections that nobody uses."""
        for line in self._idle:
            line.close()
        self._idle.clear()

    async def _ask(self, head: bytes, body: bytes, *, bodiless: bool) -> Answer:
        line = self._kept() or await self._place.open(timeout_s=CONNECT_S)
        try:
            return await line.ask(head, body, max_body=self._max_body, bodiless=bodiless)
        finally:
            if line.reusable and len(self._idle) < MAX_IDLE:
                self._idle.append(line)
            else:
                line.close()

    def _kept(self) -> HttpLine | None:
        while self._idle:
            line = self._idle.pop()
            if line.open:
                return line
            line.close()
        return None


def request_head(record: CallRecord, *, tenant: str, credential: str, host: str) -> bytes:
    """Write the request line and headers of a call; a CloudEvent where a message made it."""
    request = record.request
    headers: dict[str, str] = {
        "host": host,
        "authorization": f"Bearer {credential}",
        "gridfaas-tenant": tenant,
        "gridfaas-subject": request.subject or record.origin.value,
        "gridfaas-call-id": record.id,
        "gridfaas-attempt": str(min(record.dispatches, MAX_ATTEMPT)),
        "gridfaas-origin": record.origin.value,
        "idempotency-key": record.id,
    }
    if request.content_type:
        headers["content-type"] = request.content_type
    headers |= event_headers(record)
    if request.method not in _NO_BODY:
        headers["content-length"] = str(len(request.body))
    target = f"/function/{request.function}{request.target}"
    lines = [f"{request.method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", errors="replace")


def event_headers(record: CallRecord) -> Mapping[str, str]:
    """Headers of CloudEvents 1.0 (binary mode) for what a topic or a schedule started."""
    if record.origin is Origin.TOPIC:
        source = f"/v1/messaging/topics/{record.topic}"
        event_id, kind = record.message or record.id, "gridfaas.topic"
    elif record.origin is Origin.SCHEDULE:
        source, kind = f"/v1/messaging/schedules/{record.request.function}", "gridfaas.schedule"
        event_id = record.id
    else:
        return {}
    said = {"ce-specversion": "1.0", "ce-id": event_id, "ce-source": source, "ce-type": kind}
    if record.scheduled is not None:
        said["ce-time"] = record.scheduled
    return said
