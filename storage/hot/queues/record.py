"""A call as its queue keeps it, and what a caller may read of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import msgspec


class State(StrEnum):
    """Where a call is; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Origin(StrEnum):
    """What made a call."""

    ASYNC = "async"
    TOPIC = "topic"
    SCHEDULE = "schedule"


FINAL: Final = frozenset({State.DONE, State.FAILED, State.CANCELLED})


class QueueFull(Exception):
    """Nothing was queued: a limit would be passed; `limit` names it."""

    def __init__(self, limit: str, *, retry_after_s: int = 1) -> None:
        super().__init__(f"the limit {limit!r} is reached; try again in {retry_after_s} s")
        self.limit = limit
        self.retry_after_s = retry_after_s

    @property
    def members(self) -> Mapping[str, object]:
        """What a client may act on."""
        return {"limit": self.limit}


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """How a call is tried again: times, and seconds; results are kept for `keep_s`."""

    tries: int = 5
    backoff_s: float = 1.0
    max_backoff_s: float = 60.0
    keep_s: int = 3600
    timeout_s: int = 30

    def fields(self) -> dict[str, str]:
        """As they are stored."""
        return {
            "tries": str(self.tries),
            "backoff_s": repr(self.backoff_s),
            "max_backoff_s": repr(self.max_backoff_s),
            "keep_s": str(self.keep_s),
            "timeout_s": str(self.timeout_s),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How many calls of a function may be open, and how many bytes a tenant may hold."""

    queue: int = 1000
    bytes: int = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the function is to be asked; `target` is the path below it, with its query."""

    function: str
    method: str = "POST"
    target: str = ""
    content_type: str = ""
    body: bytes = b""
    subject: str = ""
    callback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the function answered; `truncated` when its body was longer than what is kept."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    truncated: bool = False

    def fields(self) -> dict[str, str | bytes]:
        """As they are stored."""
        return {
            "status": str(self.status),
            "result_headers": msgspec.json.encode(dict(self.headers)),
            "result_body": self.body,
            "truncated": str(int(self.truncated)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackState:
    """What became of telling the caller: pending, delivered or failed."""

    url: str
    state: str = ""
    attempts: int = 0
    status: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """A call; times are UTC in milliseconds, `attempts` those that counted."""

    id: str
    request: Request
    retrying: Retrying
    state: State
    origin: Origin
    attempts: int
    dispatches: int
    created_ms: int
    started_ms: int | None = None
    finished_ms: int | None = None
    next_ms: int | None = None
    error: str = ""
    topic: str | None = None
    message: str | None = None
    scheduled: str | None = None
    replay_of: str | None = None
    result: Result | None = None
    callback: CallbackState | None = None


def record_of(call_id: str, flat: list[bytes]) -> CallRecord:
    """Read a call from the fields of its hash."""
    held = dict(zip(flat[::2], flat[1::2], strict=True))

    def text(name: str) -> str | None:
        value = held.get(name.encode())
        return None if value is None else value.decode()

    def number(name: str) -> int | None:
        value = held.get(name.encode())
        return None if value is None else int(value)

    callback = text("callback")
    return CallRecord(
        id=call_id,
        request=Request(
            function=text("function") or "",
            method=text("method") or "POST",
            target=text("target") or "",
            content_type=text("content_type") or "",
            body=held.get(b"body", b""),
            subject=text("subject") or "",
            callback=callback,
        ),
        retrying=Retrying(
            tries=number("tries") or 1,
            backoff_s=float(text("backoff_s") or 1),
            max_backoff_s=float(text("max_backoff_s") or 60),
            keep_s=number("keep_s") or 3600,
            timeout_s=number("timeout_s") or 30,
        ),
        state=State(text("state") or ""),
        origin=Origin(text("origin") or Origin.ASYNC),
        attempts=number("attempts") or 0,
        dispatches=number("dispatches") or 0,
        created_ms=number("created") or 0,
        started_ms=number("started"),
        finished_ms=number("finished"),
        next_ms=number("next"),
        error=text("error") or "",
        topic=text("topic"),
        message=text("message"),
        scheduled=text("scheduled"),
        replay_of=text("replay_of"),
        result=_result(held),
        callback=None
        if callback is None
        else CallbackState(
            url=callback,
            state=text("cb_state") or "",
            attempts=number("cb_attempts") or 0,
            status=number("cb_status") or None,
            error=text("cb_error") or "",
        ),
    )


def _result(held: Mapping[bytes, bytes]) -> Result | None:
    if b"status" not in held:
        return None
    return Result(
        status=int(held[b"status"]),
        headers=msgspec.json.decode(held.get(b"result_headers", b"{}"), type=dict[str, str]),
        body=held.get(b"result_body", b""),
        truncated=held.get(b"truncated") == b"1",
    )
