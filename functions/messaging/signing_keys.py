"""The key by which a tenant's callbacks are signed: one a tenant, the same in every zone."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection
from typing import Final, cast

import httpx
import msgspec

from storage.hot.connection import HotConnection
from storage.hot.keys import queues_prefix
from storage.ports import StoreFull, StoreUnavailable

ROUTE: Final = "/v1/messaging/signing-key"
KEY_PREFIX: Final = "whsec_"
ANSWER_S: Final = 5.0
MISSING_EVERY_S: Final = 2.0

logger = logging.getLogger(__name__)


class KeyMissing(Exception):
    """The zone has not learnt the tenant's key from headquarters yet."""

    retry_after_s = 5


class _Told(msgspec.Struct, frozen=True):
    key: str


class SigningKeys:
    """Headquarters makes a key when it is first asked for; the zones below ask their parents.

    A zone keeps what it has learnt, so that it signs also while it is cut off.
    """

    def __init__(self, connection: HotConnection, *, parent: httpx.AsyncClient | None) -> None:
        """`parent` is None at headquarters."""
        self._connection = connection
        self._parent = parent
        self._failing: dict[str, str] = {}

    async def of(self, tenant: str) -> str:
        """Return the tenant's key.

        Raises:
            KeyMissing: it is not known in this zone.
            StoreUnavailable: no answer from the store.
        """
        name = f"{queues_prefix(tenant)}:key"
        held = cast(bytes | None, await self._connection.call("GET", name))
        if held is None and self._parent is None:
            fresh = KEY_PREFIX + secrets.token_urlsafe(32)
            await self._connection.call("SET", name, fresh, "NX")
            held = cast(bytes | None, await self._connection.call("GET", name))
        if held is None:
            await self._learn(tenant)
            held = cast(bytes | None, await self._connection.call("GET", name))
        if held is None:
            raise KeyMissing(f"the key that signs {tenant}'s callbacks is not known here yet")
        return held.decode()

    async def run(self, tenants: Callable[[], Collection[str]], *, every_s: float) -> None:
        """Keep the keys of `tenants` as the parent has them, until cancelled."""
        if self._parent is None:
            return
        while True:
            learnt = [await self._learn(tenant) for tenant in sorted(tenants())]
            await asyncio.sleep(every_s if learnt and all(learnt) else MISSING_EVERY_S)

    async def _learn(self, tenant: str) -> bool:
        assert self._parent is not None
        name = f"{queues_prefix(tenant)}:key"
        try:
            answer = await self._parent.get(
                ROUTE, headers={"GridFaaS-Tenant": tenant}, timeout=ANSWER_S
            )
            if answer.status_code != httpx.codes.OK:
                return self._failed(tenant, f"the parent answers {answer.status_code}")
            key = msgspec.json.decode(answer.content, type=_Told).key
            if await self._connection.call("GET", name) != key.encode():
                await self._connection.call("SET", name, key)
        except (httpx.HTTPError, msgspec.DecodeError, StoreUnavailable, StoreFull) as error:
            return self._failed(tenant, type(error).__name__)
        self._failing.pop(tenant, None)
        return True

    def _failed(self, tenant: str, reason: str) -> bool:
        # Said once: a zone that is cut off asks again and again.
        if self._failing.get(tenant) != reason:
            logger.info("the signing key of %s is not learnt: %s", tenant, reason)
        self._failing[tenant] = reason
        return False
