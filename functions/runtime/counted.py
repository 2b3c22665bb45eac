"""Counting a worker's calls, without what its own agent asks of it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

OWN_PATHS: Final = frozenset({"/metrics", "/healthz"})
"""Asked every few seconds: were they calls, no worker would ever be idle."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
App = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class CountedApp:
    """An ASGI application that knows its calls in flight (`active`) and those ended (`calls`)."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.active = 0
        self.calls = 0

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Pass everything on."""
        if scope["type"] != "http" or scope["path"] in OWN_PATHS:
            await self._app(scope, receive, send)
            return
        self.active += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.active -= 1
            self.calls += 1
