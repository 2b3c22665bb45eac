"""Counting a worker's calls and their cost, without what its own agent asks of it."""

import errno
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from functions.runtime.accounting import CpuShares
from functions.runtime.ends import WorkerExit
from functions.runtime.whole_call import Headers, Reply, WholeCall, take_whole_of

OWN_PATHS: Final = frozenset({"/metrics", "/healthz"})
"""Asked every few seconds: were they calls, no worker would ever be idle."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
App = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

logger = logging.getLogger(__name__)


class CountedApp:
    """An ASGI application that knows its calls in flight (`active`) and those ended (`calls`).

    Each answer says in `x-gridfaas-*` headers what the call cost. `limit_met` hears of a call
    that failed because the worker has no memory or disk left.
    """

    def __init__(self, app: App, *, limit_met: Callable[[WorkerExit], None]) -> None:
        self._app = app
        self._limit_met = limit_met
        self._shares = CpuShares()
        self._whole = take_whole_of(app)
        self.calls = 0

    @property
    def active(self) -> int:
        """Calls in flight."""
        return self._shares.active

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Pass everything on."""
        if scope["type"] != "http" or asked_by_agent(scope):
            await self._app(scope, receive, send)
            return
        cost = self._shares.begin()

        async def send_with_cost(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *cost.headers()]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_cost)
        except Exception as error:
            limit = limit_of(error)
            if limit is not None:
                self._limit_met(limit)
            raise
        finally:
            cost.end()
            self.calls += 1

    def take_whole(self, call: WholeCall, reply: Reply) -> bool:
        """Pass a call that came whole on to an application that takes such ones."""
        if self._whole is None:
            return False
        cost = self._shares.begin()

        def reply_with_cost(status: int, headers: Headers, body: bytes) -> None:
            said = [*headers, *cost.headers()]
            cost.end()
            self.calls += 1
            reply(status, said, body)

        taken = False
        try:
            taken = self._whole(call, reply_with_cost)
        except Exception:
            # The edge of the process: the application's own way fails as well, or does better.
            logger.exception("a whole call was not taken")
        finally:
            if not taken:
                cost.end()
        return taken


def asked_by_agent(scope: Scope) -> bool:
    """Whether the worker's own agent asks: calls come from the gateway, which names a tenant."""
    return scope["path"] in OWN_PATHS and not any(
        name == b"x-gridfaas-tenant" for name, _ in scope.get("headers", ())
    )


def limit_of(error: BaseException) -> WorkerExit | None:
    """Name the limit that `error` or one of its causes tells of, None for any other error."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, MemoryError):
            return WorkerExit.MEMORY_LIMIT
        # EFBIG: a file grew beyond RLIMIT_FSIZE.
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            return WorkerExit.DISK_LIMIT
        cause = cause.__cause__ or cause.__context__
    return None
