"""The lab's processes, from a topology: servers first, then agents and gateways."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deploy.lab.home import Home
from deploy.lab.keys_file import LabKeys
from deploy.lab.service import Service
from deploy.lab.service_env import gateway_env, make_zone_run, write_zone_secrets, zone_env
from deploy.lab.topology import headquarters, hot_zones
from deploy.servers.embedded import EmbeddedServer, NotReady, ServerDidNotStart
from deploy.servers.postgres import PostgresServer, check_postgres
from deploy.servers.valkey import ValkeyServer, check_valkey
from zones.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Addresses of the stores, and those of their servers that are ours to run.

    `redis_urls` are of the zones that hold readings hot, `queue_url` is headquarters': its Redis
    holds the queues alone.
    """

    database_url: str
    redis_urls: dict[str, str]
    servers: dict[str, EmbeddedServer]
    queue_url: str = field(default="", repr=False)

    @property
    def owns_postgres(self) -> bool:
        """Tell whether PostgreSQL is ours, not somebody's behind DATABASE_URL."""
        return "postgres" in self.servers


def plan_stores(home: Home, topology: Topology, *, environ: Mapping[str, str]) -> Stores:
    """Choose each store: the one that $DATABASE_URL or $REDIS_URL_<ZONE> names, else our own.

    Raises:
        ServerDidNotStart, UnsafeSettings: a store that was named cannot be used.
    """
    servers: dict[str, EmbeddedServer] = {}
    database_url = environ.get("DATABASE_URL")
    if database_url is None:
        hq = headquarters(topology).name
        postgres = PostgresServer(
            home.server_state("postgres"),
            home.zone_run(hq),
            log_path=home.logs / "postgres.log",
        )
        servers["postgres"] = postgres
        database_url = postgres.url
    else:
        _require_store("DATABASE_URL", check_postgres, database_url)
    urls: dict[str, str] = {}
    for zone in topology.zones:
        variable = "REDIS_URL_" + zone.name.upper().replace("-", "_")
        given = environ.get(variable)
        if given is None:
            name = f"valkey-{zone.name}"
            valkey = ValkeyServer(
                home.server_state(name),
                home.zone_run(zone.name),
                log_path=home.logs / f"{name}.log",
            )
            servers[name] = valkey
            given = valkey.url
        else:
            _require_store(variable, check_valkey, given)
        urls[zone.name] = given
    return Stores(
        database_url=database_url,
        redis_urls={zone.name: urls[zone.name] for zone in hot_zones(topology)},
        servers=servers,
        queue_url=urls[headquarters(topology).name],
    )


def plan_services(
    home: Home, topology: Topology, *, stores: Stores, keys: LabKeys
) -> tuple[dict[str, Service], dict[str, Service]]:
    """Write each zone's secrets; return all agents and all gateways.

    Gateways come after agents and end before them: they finish the calls that they have taken.
    """
    agents: dict[str, Service] = {}
    gateways: dict[str, Service] = {}
    for zone in topology.zones:
        make_zone_run(home, zone)
        secrets = {
            "redis_url": stores.redis_urls.get(zone.name, stores.queue_url),
            "zone_credential": keys.zones[zone.name],
        }
        if zone.tier == 1:
            secrets["database_url"] = stores.database_url
        write_zone_secrets(home, zone, secrets | {"metrics_key": keys.metrics})
        agent, gateway = f"agent-{zone.name}", f"gateway-{zone.name}"
        agents[agent] = Service(
            agent,
            module="zones.agent",
            env=zone_env(home, zone, topology),
            log_path=home.logs / f"{agent}.log",
            lock=home.locks / f"{agent}.lock",
        )
        gateways[gateway] = Service(
            gateway,
            module="gateway",
            env=gateway_env(home, zone, topology),
            log_path=home.logs / f"{gateway}.log",
            lock=home.locks / f"{gateway}.lock",
        )
    return agents, gateways


def isolation() -> str:
    """Say what keeps tenants' processes apart."""
    if os.geteuid() == 0:
        return "a uid per tenant"
    return "none: not started as root, so all tenants' functions run as you (trusted code only)"


def _require_store(variable: str, check: Callable[[str], None], url: str) -> None:
    try:
        check(url)
    except NotReady as error:
        raise ServerDidNotStart(f"{variable} names a server that does not answer: {error}") from (
            error
        )
