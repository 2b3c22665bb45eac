"""The ASGI lifespan of tenants' applications: the runtime's resources around their own."""

import logging

from functions.runtime.asgi_exchange import App
from functions.runtime.resources import Resources
from functions.runtime.tenant_call import Message, Receive, Send

logger = logging.getLogger(__name__)


async def serve_lifespan(resources: Resources, receive: Receive, send: Send) -> None:
    """Open `resources` at the start and close them at the end."""
    await receive()
    await resources.open()
    try:
        await send({"type": "lifespan.startup.complete"})
        await receive()
    finally:
        await resources.close()
    await send({"type": "lifespan.shutdown.complete"})


async def serve_lifespan_of(
    app: App, *, scope: Message, resources: Resources, receive: Receive, send: Send
) -> None:
    """The same around the lifespan of `app`, which need not have one."""
    said = False

    async def send_noting(message: Message) -> None:
        nonlocal said
        said = True
        await send(message)

    await resources.open()
    try:
        try:
            await app(scope, receive, send_noting)
        except Exception as error:
            # What ASGI lets an application do that knows no lifespan.
            if said:
                raise
            logger.debug("the application has no lifespan: %r", error)
        if not said:
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
    finally:
        await resources.close()
