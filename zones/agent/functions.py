"""Which functions this zone runs, and for whom: the platform's services and tenants' own."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from storage.platform.functions.spec import FunctionSpec
from storage.platform.snapshot import Snapshot, TenantEntry
from zones.agent.deployments.keeper import DeploymentKeeper
from zones.agent.resolved import Resolved
from zones.agent.starting import StartFailed


class UnknownFunction(Exception):
    """No function of that name exists in any tier."""


class NotInThisTier(Exception):
    """The function exists, and not here; names the tiers that have it."""


class ZoneFunctions:
    """The platform's catalogue as a zone of `tier` sees it, and what is deployed beside it."""

    def __init__(
        self,
        catalogue: Mapping[str, FunctionSpec],
        *,
        tier: int,
        deployed: DeploymentKeeper,
        tenants: Callable[[], Mapping[str, TenantEntry] | None],
        service_settings: Mapping[str, Mapping[str, Any]],
        service_secrets: Callable[[FunctionSpec, str], tuple[tuple[str, str], ...] | None],
    ) -> None:
        """`service_settings` are the zone's, by name of a service; a tenant's own come before them.

        `service_secrets` gives those of a service for a tenant, None where it is not to serve it.
        """
        self._catalogue = catalogue
        self._tier = tier
        self._deployed = deployed
        self._tenants = tenants
        self._service_settings = service_settings
        self._service_secrets = service_secrets
        self._minimum = [e for e in catalogue.values() if e.min > 0 and tier in e.tiers]
        self._listed: tuple[int, bytes, str] | None = None

    def listing(self) -> tuple[bytes, str]:
        """Return every function as JSON, also those of other tiers, and an entity tag.

        It is asked for again and again; tenants' functions are in it once they can be called.
        """
        generation = self._deployed.generation
        if self._listed is None or self._listed[0] != generation:
            listing = msgspec.json.encode(
                {"functions": list(self._catalogue.values()), "deployed": self._deployments()}
            )
            self._listed = generation, listing, f'"{sha256(listing).hexdigest()[:32]}"'
        return self._listed[1:]

    def here(self, name: str, *, tenant: str) -> Resolved:
        """Return a function that this tier runs: the platform's, else the tenant's of that name.

        Raises:
            UnknownFunction: no tier runs it.
            NotInThisTier: other tiers do.
            StartFailed: it is not prepared yet.
        """
        entry = self._catalogue.get(name)
        if entry is not None:
            self._check_tier(entry)
            if not self._set_up(entry, tenant):
                raise UnknownFunction(f"{name} is not set up for {tenant} in this zone")
            return self._service(entry, tenant)
        found = self._deployed.find(tenant, name)
        if found is None:
            for other in self._deployed.elsewhere:
                if (other.tenant, other.name) == (tenant, name):
                    self._check_tier(other.spec)
            raise UnknownFunction(f"no function {name!r}")
        if found.in_force is None:
            raise StartFailed(
                f"version {found.entry.version} of {name} is {found.state}"
                + (f": {found.reason}" if found.reason else "")
            )
        return found.in_force

    def current(self, tenant: str, known: Resolved) -> Resolved | None:
        """Return what is in force of a tenant's function, None if it has none here any more."""
        if tenant not in (self._tenants() or ()):
            return None
        service = self._catalogue.get(known.spec.name)
        if service is not None:
            return self._service(service, tenant) if self._set_up(service, tenant) else None
        found = self._deployed.find(tenant, known.spec.name)
        return None if found is None else found.in_force

    def always_up(self, snapshot: Snapshot | None) -> list[tuple[str | None, Resolved]]:
        """List (tenant, function) of every group with a minimum; None is the platform's own."""
        groups: list[tuple[str | None, Resolved]] = []
        if snapshot is None:
            return groups
        for entry in self._minimum:
            if entry.owner == "platform":
                groups.append((None, self._service(entry, None)))
            else:
                served = snapshot.served(snapshot.zone)
                groups.extend(
                    (tenant.slug, self._service(entry, tenant.slug))
                    for tenant in snapshot.tenants
                    if (not tenant.leaving or tenant.slug in served)
                    and self._set_up(entry, tenant.slug)
                )
        groups.extend(pair for pair in self._deployed.in_force if pair[1].spec.min > 0)
        return groups

    def _service(self, spec: FunctionSpec, tenant: str | None) -> Resolved:
        """Return a service of the platform with its tenant's settings and secrets."""
        if tenant is None or spec.owner == "platform":
            return Resolved(spec=spec)
        entry = (self._tenants() or {}).get(tenant)
        own = {} if entry is None else entry.settings.get(spec.name, {})
        settings = {**self._service_settings.get(spec.name, {}), **own}
        secrets = self._service_secrets(spec, tenant) if spec.opt_in else None
        return Resolved(spec=spec, settings=tuple(sorted(settings.items())), secrets=secrets or ())

    def _set_up(self, spec: FunctionSpec, tenant: str) -> bool:
        return not spec.opt_in or self._service_secrets(spec, tenant) is not None

    def _check_tier(self, spec: FunctionSpec) -> None:
        if self._tier not in spec.tiers:
            tiers = ", ".join(map(str, spec.tiers))
            raise NotInThisTier(f"{spec.name} runs in tier {tiers}, not in tier {self._tier}")

    def _deployments(self) -> list[dict[str, Any]]:
        return [
            {
                "tenant": tenant,
                "version": one.version,
                "digest": one.digest,
                "spec": one.spec,
            }
            for tenant, one in self._deployed.in_force
        ] + [
            {
                "tenant": entry.tenant,
                "version": entry.version,
                "digest": entry.digest,
                "spec": entry.spec,
            }
            for entry in self._deployed.elsewhere
        ]
