"""Calling functions through the zone's own gateway, in a tenant's name."""

import asyncio
from collections.abc import Mapping
from typing import Final

from functions.runtime.http_line import Answer, NoAnswer, Place
from functions.runtime.http_lines import HttpLines
from storage.hot.queues.record import CallRecord, Origin

# What a gateway's attempt may have as digits.
MAX_ATTEMPT: Final = 9_999
_NO_BODY: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class GatewayCalls:
    """Connections to the gateway; safe to share between tasks of one loop."""

    def __init__(self, place: Place, *, credential: str, max_body: int) -> None:
        self._lines = HttpLines(place, max_body=max_body)
        self._credential = credential

    async def call(self, tenant: str, record: CallRecord, *, within_s: float) -> Answer:
        """Make the call once; cancelled, it drops the connection, and so the function's work.

        Raises:
            NoAnswer: none came within `within_s`.
        """
        head = request_head(
            record, tenant=tenant, credential=self._credential, host=self._lines.host
        )
        body = b"" if record.request.method in _NO_BODY else record.request.body
        try:
            async with asyncio.timeout(within_s):
                return await self._lines.ask(head, body, bodiless=record.request.method == "HEAD")
        except TimeoutError as error:
            raise NoAnswer(f"no answer within {within_s:g} s", sent=True) from error

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._lines.close()


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
