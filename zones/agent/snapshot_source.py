"""Where a zone's snapshot comes from: the record at tier 1, the parent's gateway below."""

import asyncio
from typing import Protocol

import asyncpg
import httpx
import msgspec
from sqlalchemy.exc import SQLAlchemyError

from storage.platform.registry import Registry
from storage.platform.snapshot import Snapshot, decode_snapshot
from storage.platform.topology import UnknownZone

RECORD_POLL_S = 0.5
RECORD_DEADLINE_S = 10.0
PARENT_DEADLINE_S = 10.0
# A parent that answers "nothing newer" at once instead of holding the call must not be hammered.
PARENT_PAUSE_S = 0.25


class SourceUnavailable(Exception):
    """No answer, or none that can be used; the last snapshot stays in force."""


class SnapshotSource(Protocol):
    """Asked again and again with the version that the zone has."""

    async def newer(self, version: int | None) -> Snapshot | None:
        """Return the snapshot if it is another one than `version`, else None after a while.

        Raises:
            SourceUnavailable: try again later.
        """


class RecordSource:
    """The platform's record in PostgreSQL, polled twice a second."""

    def __init__(self, registry: Registry, *, zone: str) -> None:
        self._registry = registry
        self._zone = zone

    async def newer(self, version: int | None) -> Snapshot | None:
        """Return the snapshot if the record has another version."""
        try:
            async with asyncio.timeout(RECORD_DEADLINE_S):
                if await self._registry.version() != version:
                    return await self._registry.snapshot(self._zone)
        except (
            OSError,
            TimeoutError,
            UnknownZone,
            SQLAlchemyError,
            asyncpg.PostgresError,
        ) as error:
            raise SourceUnavailable(f"the platform's record: {error!r}") from error
        await asyncio.sleep(RECORD_POLL_S)
        return None


class ParentSource:
    """The parent zone's gateway, asked with this zone's credential; it may hold the call."""

    def __init__(self, http: httpx.AsyncClient, *, parent_url: str, credential: str) -> None:
        self._http = http
        self._url = f"{parent_url}/v1/platform/snapshot"
        self._headers = {"authorization": f"Bearer {credential}"}

    async def newer(self, version: int | None) -> Snapshot | None:
        """Return the parent's snapshot, narrowed to this zone, if it is newer."""
        try:
            async with asyncio.timeout(PARENT_DEADLINE_S):
                answer = await self._http.get(
                    self._url,
                    params={} if version is None else {"after": version},
                    headers=self._headers,
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise SourceUnavailable(f"the parent does not answer: {error!r}") from error
        if answer.status_code == 204:
            await asyncio.sleep(PARENT_PAUSE_S)
            return None
        if answer.status_code != 200:
            raise SourceUnavailable(f"the parent answers {answer.status_code}")
        try:
            return decode_snapshot(answer.content)
        except msgspec.DecodeError as error:
            raise SourceUnavailable(f"the parent's snapshot cannot be read: {error}") from error
