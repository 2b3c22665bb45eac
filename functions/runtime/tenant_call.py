"""One call of a tenant's code: its deadline, its caller's leaving, and what its errors become."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Final

from functions.runtime.counted import limit_of
from functions.runtime.ends import WorkerExit
from functions.runtime.event import BodyUnreadable, Refused
from functions.runtime.problem import Problem
from functions.runtime.request import NoCaller

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_LIMITS: Final = {
    WorkerExit.MEMORY_LIMIT: ("memory-limit", "the function has no memory left"),
    WorkerExit.DISK_LIMIT: ("disk-limit", "the function has no disk left"),
}


class CallerGone(Exception):
    """Nobody waits for the answer any more."""


class OutOfTime(Exception):
    """The call's deadline has passed."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"the function did not answer within {timeout_s:.1f} s")


@contextlib.asynccontextmanager
async def deadline(timeout_s: float) -> AsyncIterator[None]:
    """Cancel the block after `timeout_s`.

    Raises:
        OutOfTime: it was cancelled; a TimeoutError of the block's own stays what it is.
    """
    timeout = asyncio.timeout(timeout_s)
    try:
        async with timeout:
            yield
    except TimeoutError as error:
        if timeout.expired():
            raise OutOfTime(timeout_s) from error
        raise


@contextlib.asynccontextmanager
async def while_caller_waits(receive: Receive) -> AsyncIterator[None]:
    """Cancel the block when the caller leaves; the request's body must have been read.

    Raises:
        CallerGone: it was cancelled for that.
    """
    working = asyncio.current_task()
    assert working is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        working.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not gone:
            raise
        working.uncancel()
        raise CallerGone from None
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


def problem_of_call(error: Exception, *, call_id: str) -> Problem:
    """Say what the caller is told of an error of the function; nothing of its inside."""
    match error:
        case Refused():
            return Problem(status=error.status, slug=error.slug, detail=error.detail)
        case BodyUnreadable():
            return Problem(status=400, slug="malformed-body", detail=str(error))
        case NoCaller():
            return Problem(status=400, slug="malformed-request", detail=str(error))
        case OutOfTime():
            return Problem(status=504, slug="deadline-exceeded", detail=str(error))
    limit = limit_of(error)
    if limit in _LIMITS:
        slug, detail = _LIMITS[limit]
        return Problem(status=503, slug=slug, detail=detail, headers={"retry-after": "1"})
    return Problem(
        status=500,
        slug="function-failed",
        detail="the function failed; its log has the error under the call's id",
        members={"call_id": call_id},
    )


def is_expected(error: Exception) -> bool:
    """Whether the answer says all there is to say, so that no traceback need be kept."""
    return isinstance(error, (Refused, BodyUnreadable, NoCaller, CallerGone))


def without_forgeries(
    headers: list[tuple[bytes, bytes]],
) -> Iterator[tuple[bytes, bytes]]:
    """Leave out what only the runtime may say of a call."""
    return ((name, value) for name, value in headers if not name.lower().startswith(b"x-gridfaas-"))
