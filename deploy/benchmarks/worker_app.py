"""A worker's application called in this process, as its gateway calls it, without a network."""

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import httpx

from deploy.benchmarks.failure import MeasurementFailed
from functions.runtime.cycles import RARELY

START_S: Final = 30.0
ANSWER_S: Final = 60.0
_Message = MutableMapping[str, Any]
App = Callable[
    [_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]],
    Awaitable[None],
]


@asynccontextmanager
async def worker_app(app: App, *, tenant: str) -> AsyncIterator[httpx.AsyncClient]:
    """Start the application and give a client that calls it as a tenant's service.

    Raises:
        MeasurementFailed: it does not start.
    """
    to_app: asyncio.Queue[_Message] = asyncio.Queue()
    from_app: asyncio.Queue[_Message] = asyncio.Queue()
    living = asyncio.ensure_future(app({"type": "lifespan", "state": {}}, to_app.get, from_app.put))
    await to_app.put({"type": "lifespan.startup"})
    started = await asyncio.wait_for(from_app.get(), START_S)
    if started["type"] != "lifespan.startup.complete":
        raise MeasurementFailed(f"the worker did not start: {started.get('message', '')}")
    headers = {
        "x-gridfaas-tenant": tenant,
        "x-gridfaas-role": "tenant-service",
        "x-request-id": "bench",
    }
    try:
        with _collecting_as_a_worker():
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://worker",
                headers=headers,
                timeout=ANSWER_S,
            ) as client:
                yield client
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        await asyncio.wait_for(living, START_S)


@contextmanager
def _collecting_as_a_worker() -> Iterator[None]:
    """A worker leaves alone what its zygote has loaded, and seldom looks for cycles."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
