"""What messaging answers, as the interface's description shows it."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from functions.messaging.listeners import shown_body
from storage.hot.queues.letters import DeadLetter
from storage.hot.queues.record import CallRecord
from storage.model.traffic import TrafficClass

CALL_ID = "4f2c1a9be0d35c7788a1b2c3d4e5f607"
_RESULT: dict[str, Any] = {
    "status": 200,
    "headers": {"content-type": "application/json"},
    "body": {"bill": "12.40 IQD"},
    "encoding": "json",
    "truncated": False,
}
_CALL: dict[str, Any] = {
    "id": CALL_ID,
    "function": "bill",
    "state": "done",
    "origin": "async",
    "attempts": 1,
    "tries": 5,
    "created_at": "2026-11-21T10:00:00.120Z",
    "started_at": "2026-11-21T10:00:00.131Z",
    "finished_at": "2026-11-21T10:00:00.540Z",
    "next_try_at": None,
    "error": None,
    "topic": None,
    "message": None,
    "scheduled_for": None,
    "replay_of": None,
    "result": _RESULT,
    "callback": {
        "url": "https://example.org/bills",
        "state": "delivered",
        "attempts": 1,
        "status": 204,
        "error": None,
    },
}
_LETTER: dict[str, Any] = {
    "id": "1795254000000-0",
    "call": CALL_ID,
    "function": "bill",
    "origin": "topic",
    "reason": "the function answered 503",
    "attempts": 5,
    "at": "2026-11-21T10:02:00.000Z",
    "topic": "meter-events",
    "message": "1795253900000-0",
    "content_type": "application/json",
    "body": {"meter": "M-7"},
    "encoding": "json",
}


class ResultShown(BaseModel):
    """What the function answered."""

    status: int
    headers: dict[str, str]
    body: Any
    encoding: str
    truncated: bool


class CallbackShown(BaseModel):
    """What became of the callback: pending, delivered or failed; waiting before the call's end."""

    url: str
    state: str
    attempts: int
    status: int | None
    error: str | None


class CallShown(BaseModel):
    """A call: queued, running, done, failed or cancelled."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CALL]})

    id: str
    function: str
    state: str
    origin: str
    attempts: int
    tries: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    next_try_at: str | None
    error: str | None
    topic: str | None
    message: str | None
    scheduled_for: str | None
    replay_of: str | None
    result: ResultShown | None
    callback: CallbackShown | None


class CallAccepted(BaseModel):
    """A call that is kept, and will be carried out."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": CALL_ID, "location": f"/v1/calls/{CALL_ID}"}]}
    )

    id: str
    location: str


class Published(BaseModel):
    """A message that is kept."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "1795254000000-0", "topic": "meter-events"}]}
    )

    id: str
    topic: str


class GroupShown(BaseModel):
    """A function that reads a topic; `behind` messages are not calls yet (null: not known)."""

    function: str
    last_id: str
    behind: int | None


class BridgeBody(BaseModel):
    """The class of traffic in which a topic's messages travel."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"class": "alarm"}]})

    traffic_class: TrafficClass = Field(alias="class")


class BridgeShown(BaseModel):
    """A topic whose messages travel to the zones above."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"topic": "meter-alarms", "class": "alarm"}]},
    )

    topic: str
    traffic_class: TrafficClass = Field(serialization_alias="class")


class Acknowledged(BaseModel):
    """Answer to a child zone: this many of its entries, from the first, are durable."""

    acknowledged: int


class TopicShown(BaseModel):
    """A topic, and who reads it; `bridge` is the class in which its messages travel up."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "topic": "meter-events",
                    "messages": 12,
                    "bridge": None,
                    "readers": [{"function": "alarm", "last_id": "1795254000000-0", "behind": 0}],
                }
            ]
        }
    )

    topic: str
    messages: int
    bridge: TrafficClass | None = None
    readers: list[GroupShown]


class TopicList(BaseModel):
    """The topics of a tenant in this zone."""

    topics: list[TopicShown]


class LetterShown(BaseModel):
    """A call that failed for good."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LETTER]})

    id: str
    call: str
    function: str
    origin: str
    reason: str
    attempts: int
    at: str
    topic: str | None
    message: str | None
    content_type: str | None
    body: Any
    encoding: str


class LetterPage(BaseModel):
    """Dead letters, oldest first."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dead_letters": [_LETTER], "next_cursor": None}]}
    )

    dead_letters: list[LetterShown]
    next_cursor: str | None


class SigningKey(BaseModel):
    """The key of GridFaaS-Signature; keep it secret."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"key": "whsec_...", "algorithm": "HMAC-SHA256"}]}
    )

    key: str
    algorithm: str


def call_shown(record: CallRecord) -> CallShown:
    """Show a call without its request's body."""
    final = record.finished_ms is not None
    told, result = record.callback, record.result
    return CallShown(
        id=record.id,
        function=record.request.function,
        state=record.state.value,
        origin=record.origin.value,
        attempts=record.attempts,
        tries=record.retrying.tries,
        created_at=_instant(record.created_ms) or "",
        started_at=_instant(record.started_ms),
        finished_at=_instant(record.finished_ms),
        next_try_at=_instant(record.next_ms) if record.state.value == "queued" else None,
        error=record.error or None,
        topic=record.topic,
        message=record.message,
        scheduled_for=record.scheduled,
        replay_of=record.replay_of,
        result=None
        if result is None
        else ResultShown(
            status=result.status,
            headers=dict(result.headers),
            truncated=result.truncated,
            **shown_body(result.body, result.headers.get("content-type", "")),
        ),
        callback=None
        if told is None
        else CallbackShown(
            url=told.url,
            state=told.state or ("none" if final else "waiting"),
            attempts=told.attempts,
            status=told.status,
            error=told.error or None,
        ),
    )


def letter_shown(letter: DeadLetter) -> LetterShown:
    """Show a dead letter with its body."""
    return LetterShown(
        id=letter.id,
        call=letter.call,
        function=letter.function,
        origin=letter.origin,
        reason=letter.reason,
        attempts=letter.attempts,
        at=_instant(letter.at_ms) or "",
        topic=letter.topic,
        message=letter.message,
        content_type=letter.content_type or None,
        **shown_body(letter.body, letter.content_type),
    )


def _instant(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
