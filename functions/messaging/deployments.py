"""Which functions a zone's tenants have, asked of its own gateway again and again."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import msgspec

from storage.hot.queues.record import Bounds, Retrying
from storage.platform.functions.spec import FunctionSpec

DEPLOYMENTS: Final = "/v1/platform/deployments"
ANSWER_S: Final = 5.0
HOLD_S: Final = 2.0
"""How long the gateway may keep the call while nothing has changed."""

logger = logging.getLogger(__name__)


class Deployed(msgspec.Struct, frozen=True, kw_only=True):
    """A function of a tenant, of which only what calls it matters here."""

    tenant: str
    name: str
    spec: FunctionSpec
    version: int = 0


class ServedTenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant of this zone; `tiers` are those of all its zones, None when not told."""

    slug: str
    tiers: list[int] | None = None


class _Listing(msgspec.Struct, frozen=True):
    deployments: list[Deployed]
    # Names alone, or what else the gateway tells of them.
    tenants: list[Any] = []


class Deployments:
    """The gateway's list as it was heard last; `changed` is called with each new one."""

    def __init__(
        self, own: httpx.AsyncClient, *, every_s: float, changed: Callable[[], None]
    ) -> None:
        self._own = own
        self._every_s = every_s
        self._changed = changed
        self._mark: str | None = None
        self._asked_at_s = float("-inf")
        self._asking = asyncio.Lock()
        self.heard = False
        self.functions: Mapping[tuple[str, str], Deployed] = {}
        self.tenants: Mapping[str, ServedTenant] = {}

    def find(self, tenant: str, function: str) -> FunctionSpec | None:
        """Return what is known of a function of a tenant."""
        found = self.functions.get((tenant, function))
        return None if found is None else found.spec

    async def look_up(self, tenant: str, function: str) -> FunctionSpec | None:
        """As `find`, asking first for what may be new; None also when nobody answers."""
        found = self.find(tenant, function)
        if found is not None:
            return found
        await self._try(since_s=time.monotonic())
        return self.find(tenant, function)

    async def run(self) -> None:
        """Ask for ever; cancel to stop."""
        failing = False
        while True:
            # Whoever looks up a function asks beside it and gets an answer at once.
            reason = await self._heard(wait_s=HOLD_S)
            if reason and not failing:
                logger.warning("the functions of the zone stay as they were: %s", reason)
            failing = bool(reason)
            await asyncio.sleep(self._every_s)

    async def _try(self, *, since_s: float) -> str:
        """Ask once, unless somebody else has since `since_s`; return why it failed, or ''."""
        async with self._asking:
            if self._asked_at_s >= since_s:
                return ""
            self._asked_at_s = time.monotonic()
            return await self._heard(wait_s=0.0)

    async def _heard(self, *, wait_s: float) -> str:
        try:
            return await self._ask(wait_s)
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError) as error:
            return f"{type(error).__name__}: {error}"

    async def _ask(self, wait_s: float) -> str:
        marked = {} if self._mark is None else {"If-None-Match": self._mark}
        answer = await self._own.get(
            DEPLOYMENTS, params={"wait_s": wait_s}, headers=marked, timeout=wait_s + ANSWER_S
        )
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return ""
        if answer.status_code != httpx.codes.OK:
            return f"{DEPLOYMENTS} answers {answer.status_code}"
        listing = msgspec.json.decode(answer.content, type=_Listing)
        self.functions = {(one.tenant, one.name): one for one in listing.deployments}
        self.tenants = {one.slug: one for one in map(_tenant, listing.tenants)}
        self._mark = answer.headers.get("etag")
        self.heard = True
        self._changed()
        return ""


def _tenant(told: Any) -> ServedTenant:
    if isinstance(told, str):
        return ServedTenant(slug=told)
    return msgspec.convert(told, ServedTenant)


def retrying_of(spec: FunctionSpec | None) -> Retrying:
    """How calls of a function are tried again; the platform's own have the defaults."""
    if spec is None:
        return Retrying()
    asked = spec.asynchronous
    return Retrying(
        tries=asked.tries,
        backoff_s=asked.backoff_s,
        max_backoff_s=asked.max_backoff_s,
        keep_s=asked.keep_result_s,
        timeout_s=spec.timeout_s,
    )


def bounds_of(spec: FunctionSpec | None, *, tenant_bytes: int) -> Bounds:
    """How many calls of a function may wait."""
    return Bounds(queue=1000 if spec is None else spec.asynchronous.queue, bytes=tenant_bytes)
