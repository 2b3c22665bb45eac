"""Where a zone gets bundles: the record at tier 1, the parent's gateway below."""

import asyncio
from typing import Protocol

import httpx

from storage.platform.failures import RECORD_FAILURES
from storage.platform.functions.bundle import MAX_PACKED_BYTES
from storage.platform.functions.store import Functions

RECORD_DEADLINE_S = 20.0
PARENT_DEADLINE_S = 60.0


class BundleUnavailable(Exception):
    """It cannot be had now; another try may find it."""


class BundleSource(Protocol):
    """Asked for a bundle by the digest of its contents."""

    async def fetch(self, digest: str) -> bytes:
        """Return the packed bundle, which the caller has to verify.

        Raises:
            BundleUnavailable: not now.
        """


class RecordBundles:
    """The platform's record in PostgreSQL."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    async def fetch(self, digest: str) -> bytes:
        """Return the bundle that the record has."""
        try:
            async with asyncio.timeout(RECORD_DEADLINE_S):
                body = await self._functions.bundle(digest)
        except RECORD_FAILURES as error:
            raise BundleUnavailable(f"the platform's record: {error!r}") from error
        if body is None:
            raise BundleUnavailable("the platform's record has no such bundle")
        return body


class ParentBundles:
    """The parent zone's gateway, asked with this zone's credential."""

    def __init__(self, http: httpx.AsyncClient, *, parent_url: str, credential: str) -> None:
        self._http = http
        self._url = f"{parent_url}/v1/platform/bundles"
        self._headers = {"authorization": f"Bearer {credential}"}

    async def fetch(self, digest: str) -> bytes:
        """Return the bundle that the parent has, or gets from its own."""
        body = bytearray()
        try:
            async with (
                asyncio.timeout(PARENT_DEADLINE_S),
                self._http.stream("GET", f"{self._url}/{digest}", headers=self._headers) as answer,
            ):
                if answer.status_code != 200:
                    raise BundleUnavailable(f"the parent answers {answer.status_code}")
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > MAX_PACKED_BYTES:
                        raise BundleUnavailable("the parent sends more than a bundle")
        except (httpx.HTTPError, TimeoutError) as error:
            raise BundleUnavailable(f"the parent does not answer: {error!r}") from error
        return bytes(body)
