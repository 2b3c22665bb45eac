"""What each function says of its own interface, asked without serving it or knowing a secret."""

import asyncio
import importlib
import json
import logging
from collections.abc import Iterable, MutableMapping
from typing import Any

import msgspec

from functions.runtime.config import WorkerConfig
from storage.platform.functions.spec import FunctionSpec

MAX_DOCUMENT_BYTES = 2 * 1024 * 1024
ANSWER_WITHIN_S = 5.0
# Nobody is there: a factory that connects, which it must not before its lifespan, would fail.
NOWHERE = "127.0.0.1:1"

logger = logging.getLogger(__name__)


class NoDocument(Exception):
    """The function has no OpenAPI document at `/openapi.json`, or none that can be used."""


def describe(specs: Iterable[FunctionSpec]) -> bytes:
    """Return a JSON object from function name to OpenAPI document, without those that have none.

    Each application is made as for a worker and asked for `/openapi.json`; its lifespan never
    begins, so nothing is connected.
    """
    found: dict[str, Any] = {}
    for spec in specs:
        try:
            found[spec.name] = asyncio.run(_document(spec))
        except NoDocument as reason:
            logger.info("function %s is not described: %s", spec.name, reason)
        except Exception:  # the function's own code: one must not hide the others
            logger.exception("function %s cannot be described", spec.name)
    return msgspec.json.encode(found)


async def _document(spec: FunctionSpec) -> Any:
    if spec.app is None:
        raise NoDocument("it has no application of its own")
    module, _, factory = spec.app.partition(":")
    app = getattr(importlib.import_module(module), factory)(_config(spec))
    status, body = 0, b""

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, body
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body += message.get("body", b"")
            if len(body) > MAX_DOCUMENT_BYTES:
                raise NoDocument(f"it is larger than {MAX_DOCUMENT_BYTES} bytes")

    async with asyncio.timeout(ANSWER_WITHIN_S):
        await app(_scope(), receive, send)
    if status != 200:
        raise NoDocument(f"/openapi.json answers {status}")
    try:
        document = json.loads(body)
    except ValueError as error:
        raise NoDocument(f"no JSON: {error}") from error
    if not (isinstance(document, dict) and isinstance(document.get("paths"), dict)):
        raise NoDocument("no OpenAPI document")
    return document


def _config(spec: FunctionSpec) -> WorkerConfig:
    return WorkerConfig(
        function=spec.name,
        app=spec.app,
        tenant="nobody",
        zone="nowhere",
        tier=spec.tiers[0],
        socket="/nonexistent",
        gateway_url=f"http://{NOWHERE}",
        parent_url=f"http://{NOWHERE}",
        redis_url=f"redis://{NOWHERE}",
        database_url=f"postgresql://nobody@{NOWHERE}/none",
        zone_credential="none",
    )


def _scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/openapi.json",
        "raw_path": b"/openapi.json",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"nowhere")],
        "client": None,
        "server": None,
    }
