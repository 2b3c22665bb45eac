"""Every fleet of workers this gateway sends calls to, by tenant and function."""

from collections.abc import Iterator

from gateway.agent_client import AgentClient
from gateway.fleet import Fleet


class Instances:
    """Fleets, made when first asked for; there are no more than tenants times functions."""

    def __init__(
        self, agent: AgentClient, *, fresh_s: float, queue_length: int, queue_wait_s: float
    ) -> None:
        self._agent = agent
        self._fresh_s = fresh_s
        self._queue_length = queue_length
        self._queue_wait_s = queue_wait_s
        self._fleets: dict[tuple[str, str], Fleet] = {}

    def fleet(self, *, tenant: str, function: str) -> Fleet:
        """Return the fleet of a tenant's function."""
        fleet = self._fleets.get((tenant, function))
        if fleet is None:
            fleet = self._fleets[tenant, function] = Fleet(
                ask=lambda: self._agent.instances(tenant=tenant, function=function),
                fresh_s=self._fresh_s,
                queue_length=self._queue_length,
                queue_wait_s=self._queue_wait_s,
            )
        return fleet

    def fleets(self) -> Iterator[tuple[str, str, Fleet]]:
        """Give each fleet there is with its tenant and function."""
        for (tenant, function), fleet in self._fleets.items():
            yield tenant, function, fleet

    def close(self) -> None:
        """Drop all connections to workers."""
        for fleet in self._fleets.values():
            fleet.close()
        self._fleets.clear()
