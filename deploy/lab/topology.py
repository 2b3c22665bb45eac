"""The lab's zones, read from a design."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import yaml

from deploy.lab.failure import LabFailure
from deploy.lab.ports import HOST
from storage.platform.snapshot import ZoneEntry


class UnreadableDesign(LabFailure):
    """The design's file is missing or is no topology."""


class LabZone(msgspec.Struct, frozen=True, kw_only=True):
    """A zone and the port of its gateway."""

    name: str
    tier: int
    port: int
    parent: str | None = None

    @property
    def gateway_url(self) -> str:
        """Where the zone's gateway answers."""
        return f"http://{HOST}:{self.port}"

    @property
    def hot(self) -> bool:
        """Tell whether the zone has a hot store."""
        return self.tier > 1


class _Design(msgspec.Struct, frozen=True):
    zones: list[LabZone]


@dataclass(frozen=True, slots=True)
class LabTopology:
    """All zones, each after its parent."""

    zones: tuple[LabZone, ...]

    @property
    def headquarters(self) -> LabZone:
        """The one zone of tier 1."""
        return next(zone for zone in self.zones if zone.tier == 1)

    @property
    def edges(self) -> tuple[LabZone, ...]:
        """The zones that meters speak to."""
        return tuple(zone for zone in self.zones if zone.tier == 3)

    def zone(self, name: str) -> LabZone:
        """Return the zone of that name; KeyError when there is none."""
        return {zone.name: zone for zone in self.zones}[name]

    def entries(self) -> list[ZoneEntry]:
        """Return the zones as the platform records them."""
        return [ZoneEntry(name=z.name, tier=z.tier, parent=z.parent) for z in self.zones]


def read_topology(path: Path, *, first_port: int | None = None) -> LabTopology:
    """Read a design; `first_port` renumbers the gateways from there on, in the file's order.

    Raises:
        UnreadableDesign: the file cannot be used; the message says why.
    """
    try:
        design = msgspec.convert(yaml.safe_load(path.read_text()), _Design)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise UnreadableDesign(f"{path} is not a usable design: {error}") from error
    zones = sorted(design.zones, key=lambda zone: zone.tier)
    _require_tree(path, zones)
    if first_port is not None:
        zones = [msgspec.structs.replace(zone, port=first_port + n) for n, zone in enumerate(zones)]
    return LabTopology(tuple(zones))


def _require_tree(path: Path, zones: Sequence[LabZone]) -> None:
    tiers = {zone.name: zone.tier for zone in zones}
    if len(tiers) != len(zones):
        raise UnreadableDesign(f"{path} names a zone twice")
    if [zone.tier for zone in zones].count(1) != 1 or 3 not in tiers.values():
        raise UnreadableDesign(f"{path} needs one zone of tier 1, and zones of tier 3")
    for zone in zones:
        above = None if zone.parent is None else tiers.get(zone.parent)
        if (above or 0) + 1 != zone.tier:
            raise UnreadableDesign(f"{path}: zone {zone.name} does not fit below {zone.parent}")
