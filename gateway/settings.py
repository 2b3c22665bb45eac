"""What a gateway process is told at its start."""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from storage.platform.usage.price_list import FOLDER as PRICE_LISTS


class GatewaySettings(BaseSettings):
    """Environment `GRIDFAAS_*`, and secrets as files named after their field."""

    model_config = SettingsConfigDict(env_prefix="GRIDFAAS_", frozen=True, extra="ignore")

    zone: str
    tier: int = Field(ge=1, le=3)
    state_dir: Path
    run_dir: Path
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65_535)
    log_config: Path | None = None
    database_url: SecretStr | None = Field(default=None, validation_alias="database_url")
    metrics_key: SecretStr | None = Field(default=None, validation_alias="metrics_key")
    """Asked for as a bearer key by the metrics' paths; without one, they answer anybody."""

    drain_s: int = 10
    keep_alive_s: int = 30
    snapshot_check_s: float = 0.25
    catalogue_refresh_s: float = 2.0
    agent_timeout_s: float = 15.0
    instances_fresh_s: float = 1.0
    queue_wait_s: float = 5.0
    tenant_calls_per_s: float = Field(default=20_000, gt=0)
    key_calls_per_s: float = Field(default=10_000, gt=0)
    burst_s: float = Field(default=2.0, gt=0)
    ledger_segment_bytes: int = Field(default=64 << 20, gt=0)
    ledger_max_bytes: int = Field(default=2 << 30, gt=0)
    tenant_keys_max: int = Field(default=200, gt=0)
    """Live keys that a tenant may have, at headquarters."""

    price_lists: Path = PRICE_LISTS
    """Folder of the price lists that headquarters' bills are made by."""

    control_max_body_bytes: int = 1 << 20
    control_timeout_s: float = 15.0

    @property
    def snapshot_path(self) -> Path:
        """Where the agent of this zone keeps the tenants and keys."""
        return self.state_dir / "snapshot.json"

    @property
    def ledger_folder(self) -> Path:
        """Where every invocation is written down."""
        return self.state_dir / "ledger"

    @property
    def metrics_key_text(self) -> str | None:
        """The metrics' key, if one is asked for."""
        return None if self.metrics_key is None else self.metrics_key.get_secret_value()

    @property
    def agent_socket(self) -> Path:
        """The unix socket of this zone's agent."""
        return self.run_dir / "agent.sock"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Files win over the environment: a stray DATABASE_URL must not redirect a gateway."""
        return init_settings, file_secret_settings, env_settings


def read_settings() -> GatewaySettings:
    """Read the settings of this process.

    Raises:
        pydantic.ValidationError: a setting is missing or malformed.
    """
    return GatewaySettings(_secrets_dir=os.environ.get("GRIDFAAS_SECRETS_DIR"))  # type: ignore[call-arg]
