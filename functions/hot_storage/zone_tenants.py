"""The tenants of the zone and their policies: asked of its own gateway, kept when it is silent."""

import asyncio
import logging
from typing import Any, Final

import httpx
import msgspec

from functions.hot_storage.policy import HotPolicy, PolicyRefused, read_policy

TENANTS: Final = "/v1/platform/tenants"
SERVICE: Final = "hot_storage"
WITHIN_S: Final = 5.0

logger = logging.getLogger(__name__)


class UnknownTenant(LookupError):
    """The zone serves no such tenant."""

    def __init__(self, tenant: str) -> None:
        super().__init__(f"this zone serves no tenant {tenant!r}")


class _Tenant(msgspec.Struct, frozen=True):
    slug: str
    link_only: bool = False
    settings: dict[str, dict[str, Any]] = {}


class _Tenants(msgspec.Struct):
    tenants: list[_Tenant]


class ZoneTenants:
    """Policies by tenant."""

    def __init__(self, own: httpx.AsyncClient) -> None:
        """`own` is a client of the zone's gateway, with the zone's credential."""
        self._own = own
        self._policies: dict[str, HotPolicy] = {}
        self._said: dict[str, str] = {}
        self._failing = False

    @property
    def slugs(self) -> list[str]:
        """The tenants that are known, by name."""
        return sorted(self._policies)

    def policy(self, tenant: str) -> HotPolicy:
        """The tenant's policy.

        Raises:
            UnknownTenant: see there.
        """
        try:
            return self._policies[tenant]
        except KeyError:
            raise UnknownTenant(tenant) from None

    async def policy_now(self, tenant: str) -> HotPolicy:
        """The tenant's policy, asked for once more before it is unknown; raises as `policy`."""
        if tenant not in self._policies:
            # The gateway let the call pass: it knows a tenant that came since the last time.
            await self.ask()
        return self.policy(tenant)

    async def run(self, *, every_s: float) -> None:
        """Ask again and again until cancelled."""
        while True:
            await self.ask()
            await asyncio.sleep(every_s)

    async def ask(self) -> None:
        """Ask once; what cannot be asked stays as it was."""
        try:
            answer = await self._own.get(TENANTS, timeout=WITHIN_S)
            answer.raise_for_status()
            found = msgspec.json.decode(answer.content, type=_Tenants).tenants
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            if not self._failing:
                logger.warning("the tenants of the zone stay as they were: %s", error)
            self._failing = True
            return
        self._failing = False
        self._policies = {one.slug: self._policy_of(one) for one in found if not one.link_only}

    def _policy_of(self, tenant: _Tenant) -> HotPolicy:
        try:
            return read_policy(tenant.settings.get(SERVICE, {}))
        except PolicyRefused as error:
            if self._said.get(tenant.slug) != str(error):
                logger.warning("the policy of %s stays as it was: %s", tenant.slug, error)
            self._said[tenant.slug] = str(error)
            return self._policies.get(tenant.slug, HotPolicy())
