"""What an agent process is told at its start: environment, and secrets as files."""

from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from zones.providers.port import ProviderName

FUNCTIONS = Path(__file__).parents[2] / "functions"


class SettingsError(Exception):
    """A setting or secret that this zone's tier needs is missing; names it."""


class AgentSettings(BaseSettings):
    """Environment `GRIDFAAS_*`; `state_dir` and `run_dir` exist and are this zone's alone."""

    model_config = SettingsConfigDict(env_prefix="GRIDFAAS_", frozen=True, extra="ignore")

    zone: str
    tier: int = Field(ge=1, le=3)
    state_dir: Path
    run_dir: Path
    gateway_url: str
    secrets_dir: Path | None = None
    parent_url: str | None = None
    log_config: Path | None = None
    functions_dir: Path = FUNCTIONS
    provider: ProviderName = "process"
    """Who runs functions that do not ask for another provider."""
    docker_image: str = "gridfaas-worker:local"
    docker_paused: int = Field(default=8, ge=0)
    """How many idle containers are kept frozen, of all functions and tenants."""
    docker_spawner: Path | None = None
    """The socket of a spawner in a container of its own; without one, a child is started."""
    docker_tenant_uids: bool = False
    """Give containers a uid a tenant also when the agent is not root; stores must let it in."""
    docker_channels: Path | None = None
    """Where containers' channels are, if not below `run_dir`."""
    gateway_dir: Path | None = None
    """What the agent shares with the zone's gateway, if it is not all of `state_dir`."""
    ledger_every_s: float = Field(default=5.0, gt=0)
    """How often what the gateway wrote down is sent to headquarters."""
    service_settings: dict[str, dict[str, Any]] = {}
    """Settings of the platform's own functions, by name (JSON)."""

    @property
    def shared_dir(self) -> Path:
        """The folder that the zone's gateway knows as its own `state_dir`."""
        return self.gateway_dir or self.state_dir

    @property
    def channels_dir(self) -> Path:
        """Where each container has a folder of its own."""
        return self.docker_channels or self.run_dir / "c"

    @property
    def snapshot_path(self) -> Path:
        """Where the zone's gateway looks for tenants and keys."""
        return self.shared_dir / "snapshot.json"

    @property
    def ledger_folder(self) -> Path:
        """Where the zone's gateway writes every invocation down."""
        return self.shared_dir / "ledger"

    @property
    def deployments_folder(self) -> Path:
        """Where tenants' functions are unpacked; the one part of the state that workers read."""
        return self.state_dir / "functions"

    @property
    def logs_folder(self) -> Path:
        """Where what tenants' functions write is kept."""
        return self.state_dir / "logs"

    @property
    def agent_socket(self) -> Path:
        """The unix socket of the control API."""
        return self.run_dir / "agent.sock"

    @property
    def workers_dir(self) -> Path:
        """Where workers' sockets are."""
        return self.run_dir / "w"

    def secret(self, name: str) -> str:
        """Read the file of that name in `secrets_dir`.

        Raises:
            SettingsError: there is no such file, or it is empty.
        """
        if self.secrets_dir is None:
            raise SettingsError("GRIDFAAS_SECRETS_DIR is not set")
        try:
            value = (self.secrets_dir / name).read_text().strip()
        except OSError as error:
            raise SettingsError(f"secret {name}: {error.strerror}") from error
        if not value:
            raise SettingsError(f"secret {name} is empty")
        return value

    def required_parent_url(self) -> str:
        """Return the parent's address, which tiers 2 and 3 cannot do without.

        Raises:
            SettingsError: it is not set.
        """
        if self.parent_url is None:
            raise SettingsError(f"GRIDFAAS_PARENT_URL is not set in tier {self.tier}")
        return self.parent_url.rstrip("/")
