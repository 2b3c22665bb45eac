"""`/openapi.json`: merged when something changed, from documents that the agent keeps."""

import asyncio
import logging
from secrets import token_hex
from typing import Any

import msgspec

from gateway.agent_client import AgentClient
from gateway.asgi import Receive, Scope, Send, send_whole
from gateway.catalogue import Catalogue
from gateway.interface import merge_documents
from gateway.problems import problem_body, problem_headers
from gateway.refusal import Refusal

logger = logging.getLogger(__name__)

FRESH_S = 30.0
# Until the agent has asked its functions for the first time.
RETRY_S = 2.0


class OpenApi:
    """Answers `PATHS` to anyone; no function is started for it, and a silent agent changes nothing.

    Functions that the agent could not describe are listed under `info`.
    """

    PATHS = frozenset({"/openapi.json"})

    def __init__(
        self,
        *,
        zone: str,
        tier: int,
        agent: AgentClient,
        catalogue: Catalogue,
        platform: dict[str, Any],
    ) -> None:
        self._zone = zone
        self._tier = tier
        self._agent = agent
        self._catalogue = catalogue
        self._platform = platform
        self._documents: dict[str, Any] = {}
        self._mark: str | None = None
        self._due = 0.0
        self._asking = asyncio.Lock()
        self._merged: tuple[object, bytes] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] not in ("GET", "HEAD"):
            await _refuse(send, scope["method"])
            return
        await self._renew()
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"max-age=30")]
        await send_whole(send, status=200, headers=headers, body=self._body())

    async def _renew(self) -> None:
        now = asyncio.get_running_loop().time
        if now() < self._due:
            return
        async with self._asking:
            if now() < self._due:
                return
            try:
                found = await self._agent.documents(held=self._mark)
                self._due = now() + FRESH_S
            except Refusal as reason:
                logger.warning("the functions' documents are not renewed: %s", reason)
                self._due = now() + RETRY_S
                return
            if found is not None:
                self._documents, self._mark = found

    def _body(self) -> bytes:
        made_of = (self._mark, self._catalogue.mark)
        if self._merged is None or self._merged[0] != made_of:
            document = merge_documents(
                zone=self._zone,
                tier=self._tier,
                platform=self._platform,
                functions=self._catalogue.all,
                documents=self._documents,
            )
            self._merged = made_of, msgspec.json.encode(document)
        return self._merged[1]


async def _refuse(send: Send, method: str) -> None:
    request_id = token_hex(16)
    body = problem_body(
        status=405,
        slug="method-not-allowed",
        detail=f"{method} is not served here",
        request_id=request_id,
    )
    headers = problem_headers(status=405, request_id=request_id, retry_after_s=None)
    await send_whole(send, status=405, headers=[*headers, (b"allow", b"GET, HEAD")], body=body)
