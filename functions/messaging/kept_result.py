"""What is kept of a function's answer, and what the gateway says by it."""

from collections.abc import Mapping
from typing import Final

import msgspec

from functions.runtime.http_line import Answer
from functions.runtime.problem import MEDIA_TYPE, TYPE_PREFIX
from storage.hot.queues.record import Result

MAX_HEADERS: Final = 20
MAX_VALUE: Final = 1_000
_NAMED: Final = frozenset(
    {"content-type", "content-encoding", "content-language", "etag", "location"}
)
_OURS: Final = ("x-gridfaas-", "x-request-id", "x-call-id")
# Said by a gateway that has just begun, or whose agent has: no function has seen the call.
_UNREADY: Final = frozenset(
    {"function-unavailable", "store-full", "unauthenticated", "unknown-tenant"}
)
_NOWHERE: Final = "not-found", "nothing answers to this path"


def result_of(answer: Answer) -> Result:
    """Keep status and body, and the headers that describe the body or are the function's own."""
    kept = {
        name: value[:MAX_VALUE]
        for name, value in answer.headers.items()
        if name in _NAMED or (name.startswith("x-") and not name.startswith(_OURS))
    }
    return Result(
        status=answer.status,
        headers=dict(list(kept.items())[:MAX_HEADERS]),
        body=answer.body,
        truncated=answer.truncated,
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the answer asks to wait; None when it names none."""
    asked = headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else None


def zone_unready(answer: Answer, *, deployed: bool) -> bool:
    """Whether the zone turned the call down before any function saw it, and only for now.

    `deployed` says that the function exists: an agent that has just begun may not have it yet.
    """
    if not answer.headers.get("content-type", "").startswith(MEDIA_TYPE):
        return False
    try:
        problem = msgspec.json.decode(answer.body, type=dict[str, object])
    except msgspec.DecodeError:
        return False
    slug = str(problem.get("type")).removeprefix(TYPE_PREFIX)
    return slug in _UNREADY or (deployed and (slug, problem.get("detail")) == _NOWHERE)
