"""Where a zone's snapshot comes from: the record at tier 1, the parent's gateway below."""

import asyncio
from typing import Protocol

import httpx
import msgspec

from storage.platform.failures import RECORD_FAILURES
from storage.platform.registry import Registry
from storage.platform.snapshot import Position, Snapshot, decode_snapshot
from storage.platform.topology import UnknownZone

RECORD_POLL_S = 0.5
RECORD_DEADLINE_S = 10.0
PARENT_DEADLINE_S = 10.0
# A parent that answers "nothing newer" at once instead of holding the call must not be hammered.
PARENT_PAUSE_S = 0.25

_NOT_NOW: tuple[type[Exception], ...] = (UnknownZone, *RECORD_FAILURES)


class SourceUnavailable(Exception):
    """No answer, or none that can be used; the last snapshot stays in force."""


class SnapshotSource(Protocol):
    """Asked again and again with the position of the copy that the zone has."""

    async def newer(self, held: Position | None) -> Snapshot | None:
        """Return the snapshot if it is newer than `held`, else None after a while.

        Raises:
            SourceUnavailable: try again later.
        """


class RecordSource:
    """The platform's record in PostgreSQL, polled twice a second."""

    def __init__(self, registry: Registry, *, zone: str) -> None:
        self._registry = registry
        self._zone = zone

    async def newer(self, held: Position | None) -> Snapshot | None:
        """Return the snapshot if the record has changed, or is another one than before."""
        try:
            async with asyncio.timeout(RECORD_DEADLINE_S):
                if await self._registry.settle(seen=held) != held:
                    return await self._registry.snapshot(self._zone)
        except _NOT_NOW as error:
            raise SourceUnavailable(f"the platform's record: {error!r}") from error
        await asyncio.sleep(RECORD_POLL_S)
        return None


class ParentSource:
    """The parent zone's gateway, asked with this zone's credential; it may hold the call."""

    def __init__(self, http: httpx.AsyncClient, *, parent_url: str, credential: str) -> None:
        self._http = http
        self._url = f"{parent_url}/v1/platform/snapshot"
        self._headers = {"authorization": f"Bearer {credential}"}

    async def newer(self, held: Position | None) -> Snapshot | None:
        """Return the parent's snapshot, narrowed to this zone, if it is newer."""
        after = (
            {} if held is None else {"after": held.version, "after_incarnation": held.incarnation}
        )
        try:
            async with asyncio.timeout(PARENT_DEADLINE_S):
                answer = await self._http.get(self._url, params=after, headers=self._headers)
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
