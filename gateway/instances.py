"""Every fleet of workers this gateway sends calls to, by tenant and function."""

from collections.abc import Collection, Iterator

from gateway.agent_client import AgentClient
from gateway.authorization import PLATFORM
from gateway.fleet import Fleet, Patience
from storage.platform.functions.spec import FunctionSpec


class Instances:
    """Fleets, made when first asked for; there are no more than tenants times functions."""

    def __init__(self, agent: AgentClient, *, patience: Patience) -> None:
        self._agent = agent
        self._patience = patience
        self._fleets: dict[tuple[str, str], Fleet] = {}

    def fleet(self, *, tenant: str, spec: FunctionSpec) -> Fleet:
        """Return the fleet that serves a tenant's calls of a function, going by `spec` from now on.

        The platform's own workers serve every tenant, so their load is counted in one place.
        """
        if spec.owner == PLATFORM:
            tenant = PLATFORM
        fleet = self._fleets.get((tenant, spec.name))
        if fleet is None:
            fleet = self._fleets[tenant, spec.name] = Fleet(
                spec=spec,
                ask=lambda waiting: self._agent.instances(
                    tenant=tenant, function=spec.name, waiting=waiting
                ),
                patience=self._patience,
            )
        elif fleet.spec is not spec:
            fleet.adopt(spec)
        return fleet

    def retain(self, *, tenant: str, function: str, ids: Collection[str]) -> None:
        """Send a function's calls to these workers only, until the agent names others."""
        fleet = self._fleets.get((tenant, function))
        if fleet is not None:
            fleet.retain(ids)

    def fleets(self) -> Iterator[tuple[str, str, Fleet]]:
        """Give each fleet there is with its tenant and function."""
        for (tenant, function), fleet in self._fleets.items():
            yield tenant, function, fleet

    def close(self) -> None:
        """Drop all connections to workers."""
        for fleet in self._fleets.values():
            fleet.close()
        self._fleets.clear()
