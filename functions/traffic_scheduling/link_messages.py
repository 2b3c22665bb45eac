"""What is said on the link: posts, answers and pages, as calls give and take them."""

from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from storage.model.meter import RegistryPosition


class Acknowledged(msgspec.Struct, frozen=True):
    """How many entries of a post are durable; with `any_order` newer ones may go before older."""

    acknowledged: int
    any_order: bool = False


class VersionSaid(msgspec.Struct):
    """A version of a registry, as the wire has it."""

    version: int
    incarnation: int = 0

    @property
    def position(self) -> RegistryPosition:
        """The version with its incarnation."""
        return RegistryPosition(self.incarnation, self.version)


class Held(VersionSaid, kw_only=True):
    """How far a zone has a registry, and what it has taken of a newer one."""

    taken: VersionSaid | None = None


class Taken(VersionSaid, kw_only=True):
    """Where a page of a registry leads, and whether that is all."""

    complete: bool


class EditPosition(msgspec.Struct, frozen=True):
    """How far headquarters' edits have been taken: the stamp of the last one."""

    edge: str = ""
    sequence: int = 0


class LinkTenant(msgspec.Struct, frozen=True):
    """A tenant whose data passes; `link_only` when it is served here and below no longer."""

    slug: str
    link_only: bool = False
    settings: dict[str, dict[str, Any]] = {}

    @property
    def weight(self) -> float:
        """Its share of the link beside the other tenants', 1 unless it has another setting."""
        said = self.settings.get("traffic_scheduling", {}).get("weight", 1)
        return float(said) if isinstance(said, (int, float)) and said > 0 else 1.0


class Tenants(msgspec.Struct):
    """The tenants of a zone."""

    tenants: list[LinkTenant]


@dataclass(frozen=True, slots=True)
class RegistryStep:
    """How far this zone has a tenant's registry, and whether that is all that the parent has."""

    position: RegistryPosition
    complete: bool


@dataclass(frozen=True, slots=True)
class RegistryPage:
    """Changes of a registry as the parent gave them, and where a zone is that has taken them."""

    body: bytes
    position: RegistryPosition
    complete: bool


@dataclass(frozen=True, slots=True)
class Post:
    """A body of entries, ready to be sent; `size` are its bytes on the link, head and body."""

    request: httpx.Request
    size: int
