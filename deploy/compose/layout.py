"""Names that docker-compose.yml and the programs in its containers share."""

from pathlib import Path
from typing import Final

from deploy.lab.bootstrap import TENANTS
from deploy.lab.keys_file import LabKeys, lasting_keys
from zones.topology import DESIGNS, Topology, Zone, load_topology

DESIGN: Final = DESIGNS / "containers.yaml"
SECRETS: Final = Path("/secrets")
"""Where the one container that writes secrets has a volume for each that reads them."""
STORE: Final = Path("/run/store")
"""Where containers mount the folder of the socket of their zone's store."""
QUEUES: Final = Path("/run/queues")
"""The same of headquarters' Redis, which holds no readings."""
GATEWAY_PORT: Final = 8080
POSTGRES_USER: Final = "gridfaas"
POSTGRES_DATABASE: Final = "gridfaas"


def topology() -> Topology:
    """Read the zones of the containers."""
    return load_topology(DESIGN)


def gateway_url(zone: Zone) -> str:
    """Where a zone's gateway answers in the networks that it is on."""
    return f"http://gateway-{zone.name}:{GATEWAY_PORT}"


def database_url(password: str) -> str:
    """The administrator's address of headquarters' PostgreSQL; the password is URL-safe."""
    return f"postgresql://{POSTGRES_USER}:{password}@/{POSTGRES_DATABASE}?host={STORE}&port=5432"


def redis_url(zone: Zone, password: str) -> str:
    """The administrator's address of a zone's Redis; the password is URL-safe."""
    folder = QUEUES if zone.tier == 1 else STORE
    return f"unix://{folder}/redis.sock?username=admin&password={password}"


def platform_keys(folder: Path) -> LabKeys:
    """Return the keys of administrator, tenants and zones that `folder` keeps."""
    return lasting_keys(
        folder / "keys.json",
        tenants=[tenant.slug for tenant in TENANTS],
        zones=[zone.name for zone in topology().zones],
    )
