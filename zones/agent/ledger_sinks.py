"""Where a zone's ledger goes: into the record at tier 1, to the parent's gateway below."""

import asyncio
from functools import partial
from typing import Protocol

import httpx
import msgspec

from storage.platform.failures import RECORD_FAILURES
from storage.platform.ledger.batch import MEDIA_TYPE, BatchUnreadable, read_batch
from storage.platform.ledger.store import LedgerStore

RECORD_DEADLINE_S = 20.0
PARENT_DEADLINE_S = 20.0


class SinkUnavailable(Exception):
    """Headquarters has not said that it took the batch; everything is kept and sent again."""


class LedgerSink(Protocol):
    """Takes batches of the segments of this zone and of those below it, each once."""

    async def take(self, *, zone: str, segment: str, offset: int, body: bytes) -> int:
        """Hand over a batch (empty: ask); return the offset that is wanted next, once committed.

        Raises:
            SinkUnavailable: try again later.
        """


class RecordSink:
    """The platform's record in PostgreSQL."""

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    async def take(self, *, zone: str, segment: str, offset: int, body: bytes) -> int:
        """Append to the record."""
        read = partial(read_batch, zone=zone, segment=segment, offset=offset, body=body)
        try:
            batch = await asyncio.to_thread(read)
            async with asyncio.timeout(RECORD_DEADLINE_S):
                return await self._store.append(batch)
        except BatchUnreadable as error:
            raise SinkUnavailable(f"{segment} from byte {offset}: {error}") from error
        except RECORD_FAILURES as error:
            raise SinkUnavailable(f"the platform's record: {error!r}") from error


class _Taken(msgspec.Struct, frozen=True):
    next: int


class ParentSink:
    """The parent zone's gateway, which answers when headquarters has committed."""

    def __init__(self, http: httpx.AsyncClient, *, parent_url: str, credential: str) -> None:
        self._http = http
        self._url = f"{parent_url}/v1/platform/ledger"
        self._headers = {"authorization": f"Bearer {credential}", "content-type": MEDIA_TYPE}

    async def take(self, *, zone: str, segment: str, offset: int, body: bytes) -> int:
        """Post to the parent."""
        try:
            async with asyncio.timeout(PARENT_DEADLINE_S):
                answer = await self._http.post(
                    self._url,
                    params={"zone": zone, "segment": segment, "offset": offset},
                    content=body,
                    headers=self._headers,
                    timeout=PARENT_DEADLINE_S,
                )
        except (httpx.HTTPError, TimeoutError) as error:
            raise SinkUnavailable(f"the parent does not answer: {error!r}") from error
        if answer.status_code != 200:
            raise SinkUnavailable(
                f"{zone}'s {segment} from byte {offset}: the parent answers {answer.status_code}"
            )
        try:
            return msgspec.json.decode(answer.content, type=_Taken).next
        except msgspec.DecodeError as error:
            raise SinkUnavailable(f"the parent's answer cannot be read: {error}") from error
