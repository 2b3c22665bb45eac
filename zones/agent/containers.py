"""The zone's provider for containers, from the agent's settings."""

import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from zones.agent.resolved import Resolved
from zones.agent.settings import AgentSettings
from zones.providers.chosen import ChosenProviders
from zones.providers.docker.body import Site
from zones.providers.docker.facts import Kind
from zones.providers.docker.provider import DockerProvider
from zones.providers.port import Provider

# Too much lies beside a socket here: only the socket itself is shared.
_CROWDED: Final = frozenset(map(Path, ("/", "/run", "/var/run", "/tmp", "/var/tmp", "/dev/shm")))


def choose_providers(
    settings: AgentSettings,
    *,
    process: Provider,
    in_force: Callable[[], Iterable[tuple[str, Resolved]]],
) -> ChosenProviders:
    """Put `process` and a provider for containers behind one interface.

    `in_force` lists the versions that may be called, with their tenants.

    Raises:
        SettingsError: the zone's store is not named.
    """

    def wanted(kind: Kind) -> bool:
        return any(
            (tenant, found.spec.name, found.version) == (kind.tenant, kind.function, kind.version)
            for tenant, found in in_force()
        )

    # The one that tenants' functions have a login to.
    store = settings.secret("database_url" if settings.tier == 1 else "redis_url")
    mark = settings.state_dir / "docker_installation"
    known = mark.exists()
    installation = mark.read_text() if known else secrets.token_hex(8)
    docker = DockerProvider(
        Site(
            installation=installation,
            zone=settings.zone,
            image=settings.docker_image,
            channels=settings.channels_dir,
            roots=(settings.deployments_folder,),
            shared=tuple(socket_folders([store])),
        ),
        max_paused=settings.docker_paused,
        wanted=wanted,
        spawner=settings.docker_spawner,
        tenant_uids=settings.docker_tenant_uids,
    )

    def begins() -> None:
        # By this the next agent recognises what this one leaves behind.
        mark.write_text(installation)
        mark.chmod(0o600)

    return ChosenProviders(
        process=process,
        docker=docker,
        default=settings.provider,
        docker_at_start=known,
        docker_begins=begins,
    )


def socket_folders(urls: Iterable[str]) -> list[Path]:
    """Return what containers must see to reach these stores: folders with unix sockets.

    A store that is reached over TCP adds nothing: containers have no network.
    """
    found: dict[Path, None] = {}
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme == "unix":
            path = Path(unquote(parts.path))
            found[path if path.parent in _CROWDED else path.parent] = None
        else:
            # PostgreSQL's form: the folder of the socket as ?host=.
            for host in parse_qs(parts.query).get("host", []):
                folder = Path(host)
                if folder.is_absolute() and folder not in _CROWDED:
                    found[folder] = None
    return list(found)
