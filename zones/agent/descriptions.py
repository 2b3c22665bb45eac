"""The OpenAPI documents of the zone's functions, asked for once and kept."""

import asyncio
from hashlib import sha256

from zones.providers.port import Provider, ProviderUnavailable

WAIT_S = 10.0


class NotDescribed(Exception):
    """The documents are not there yet; another call may find them."""

    retry_after_s = 2


class Descriptions:
    """Functions change only with the agent's start, so their documents are fetched once."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._asking: asyncio.Task[bytes] | None = None
        self._found: tuple[bytes, str] | None = None

    async def get(self) -> tuple[bytes, str]:
        """Return the documents by function as JSON, and an entity tag; many callers ask once.

        Raises:
            NotDescribed: not within `WAIT_S`; the asking goes on.
        """
        if self._found is None:
            if self._asking is None:
                self._asking = asyncio.create_task(self._provider.describe())
                self._asking.add_done_callback(self._asked)
            try:
                async with asyncio.timeout(WAIT_S):
                    await asyncio.shield(self._asking)
            except (TimeoutError, ProviderUnavailable) as error:
                raise NotDescribed(str(error) or "the functions are being described") from error
        if self._found is None:
            raise NotDescribed("the functions are being described")
        return self._found

    async def close(self) -> None:
        """End an asking under way."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _asked(self, task: asyncio.Task[bytes]) -> None:
        self._asking = None
        if not task.cancelled() and task.exception() is None:
            found = task.result()
            self._found = found, f'"{sha256(found).hexdigest()[:32]}"'
