"""A tenant's own ASGI application (FastAPI, Starlette, any other), called with a context."""

from collections.abc import Mapping
from typing import Any, Final

from functions.runtime.asgi_exchange import App
from functions.runtime.context import Context
from functions.runtime.counted import asked_by_agent
from functions.runtime.function_log import current_call
from functions.runtime.handler_app import answer_agent
from functions.runtime.lifespan import serve_lifespan_of
from functions.runtime.problem import send_problem
from functions.runtime.request import caller_of
from functions.runtime.resources import Resources
from functions.runtime.tenant_call import (
    Message,
    Receive,
    Send,
    deadline,
    problem_of_call,
    without_forgeries,
)

CONTEXT: Final = "gridfaas.context"


class NoContext(LookupError):
    """The scope is not one that the runtime made."""


def context_of(scope: Mapping[str, Any]) -> Context:
    """Return the context of a call from its ASGI scope (`request.scope` in FastAPI).

    Raises:
        NoContext: the application runs outside of the runtime.
    """
    context = scope.get(CONTEXT)
    if not isinstance(context, Context):
        raise NoContext("the application is not served by GridFaaS")
    return context


class AsgiFunction:
    """Adds context, deadline and problems; everything else is the application's own."""

    def __init__(self, app: App, *, resources: Resources) -> None:
        self._app = app
        self._resources = resources

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request; an error of the application is answered, then raised to be logged."""
        if scope["type"] == "lifespan":
            await serve_lifespan_of(
                self._app, scope=scope, resources=self._resources, receive=receive, send=send
            )
            return
        if asked_by_agent(scope):
            await answer_agent(send)
            return
        call_id, request_id, started = "", "", False

        async def send_own(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*without_forgeries(message.get("headers", []))]}
            await send(message)

        try:
            caller = caller_of(scope["headers"])
            call_id, request_id = caller.call_id, caller.request_id
            current_call.set(call_id)
            scope[CONTEXT] = self._resources.context(caller)
            async with deadline(self._resources.timeout_s(caller)):
                await self._app(scope, receive, send_own)
        except Exception as error:
            if not started:
                problem = problem_of_call(error, call_id=call_id)
                await send_problem(send, problem, request_id=request_id)
            raise
