"""What a process of links is told at its start, by its environment."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from zones.links.address import Address
from zones.links.medium import MEDIA


def _checked(text: str) -> str:
    Address.parsed(text)
    return text


HostPort = Annotated[str, AfterValidator(_checked)]


class Route(BaseModel):
    """A link of the design, where it listens, and what it stands in front of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    link: str
    listen: HostPort
    target: HostPort


class LinkSettings(BaseSettings):
    """Environment `GRIDFAAS_LINK_*`, and `GRIDFAAS_LOG_CONFIG` as every process has it."""

    model_config = SettingsConfigDict(env_prefix="GRIDFAAS_LINK_", frozen=True, extra="ignore")

    design: Path
    routes: Annotated[tuple[Route, ...], Field(min_length=1)]
    """JSON: `[{"link": "zone-2-to-zone-1", "listen": "host:port", "target": "host:port"}]`."""
    metrics: HostPort
    """Where /metrics and /healthz answer."""
    control: Path
    """The unix socket of the control API, for its owner alone."""
    media: Path = MEDIA
    seed: int = 1
    log_config: Annotated[Path | None, Field(validation_alias="GRIDFAAS_LOG_CONFIG")] = None

    def __init__(self, **values: Any) -> None:
        """Read the environment; `values` go before it."""
        super().__init__(**values)
