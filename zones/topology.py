"""Which zones a design has, what is above what, and where each is reached."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import yaml

from zones.links.plan import METERS, Link
from zones.providers.port import ProviderName

DESIGNS = Path(__file__).parent / "designs"
LAB = DESIGNS / "lab.yaml"
REPLICATING_TIER: Final = 2
"""From here readings go on to the record."""


class DesignError(Exception):
    """A design that cannot be used; names the file and the field."""


class Zone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One zone; `port` is its gateway's on this machine, `parent` is None at tier 1.

    `uplink_port` is where it reaches its parent on this machine when a link stands between the
    two (a relay of ours); without one it calls the parent's gateway itself. `meters_port` is the
    same between an edge and its meters. `provider` runs those functions that do not ask for another
    one.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
    tier: Literal[1, 2, 3]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    parent: str | None = None
    uplink_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    meters_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    provider: ProviderName = "process"


class Topology(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The zones of a design, every parent before its children, and the links between them.

    A zone without a link calls its parent's gateway itself. `replication` says when interval
    readings go on from tier 2 to headquarters: `eager` at once, `lazy` once they have been there
    for `cool_after_s`. Until then the copy in tier 2 is the only one above the edge.
    """

    zones: Annotated[list[Zone], msgspec.Meta(min_length=1)]
    links: list[Link] = []
    replication: Literal["eager", "lazy"] = "eager"
    cool_after_s: Annotated[float, msgspec.Meta(gt=0)] = 86_400.0

    def service_settings(self, zone: Zone) -> dict[str, dict[str, Any]]:
        """What the design says to services of a zone, by their names."""
        if self.replication == "eager" or zone.tier != REPLICATING_TIER:
            return {}
        return {
            "traffic_scheduling": {"replication": "lazy", "lazy_after_s": self.cool_after_s},
            "hot_storage": {"replication": "lazy"},
        }

    def zone(self, name: str) -> Zone:
        """Return the zone of that name.

        Raises:
            KeyError: the design has none.
        """
        for zone in self.zones:
            if zone.name == name:
                return zone
        raise KeyError(name)


def load_topology(path: Path = LAB) -> Topology:
    """Read a design.

    Raises:
        DesignError: unreadable, not YAML, a wrong field, a name or port used twice, or a parent
            that is not one tier above.
    """
    try:
        topology = msgspec.convert(yaml.safe_load(path.read_text()), Topology)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise DesignError(f"{path}: {error}") from error
    fault = _fault(topology.zones) or _fault_of_links(topology)
    if fault is not None:
        raise DesignError(f"{path}: {fault}")
    return msgspec.structs.replace(topology, zones=sorted(topology.zones, key=lambda z: z.tier))


def _fault(zones: list[Zone]) -> str | None:
    """Say what is wrong between zones that are each well formed."""
    known: dict[str, Zone] = {}
    ports: dict[int, str] = {}
    for index, zone in enumerate(zones):
        if zone.name in known:
            return f"a second zone {zone.name!r} - at `$.zones[{index}].name`"
        if zone.port in ports:
            return f"{ports[zone.port]} has port {zone.port} - at `$.zones[{index}].port`"
        known[zone.name] = zone
        ports[zone.port] = zone.name
    for index, zone in enumerate(zones):
        at = f"at `$.zones[{index}].parent`"
        if zone.tier == 1:
            if zone.parent is not None:
                return f"a zone of tier 1 has no parent - {at}"
            continue
        parent = known.get(zone.parent or "")
        if parent is None:
            return f"no zone {zone.parent!r} - {at}"
        if parent.tier != zone.tier - 1:
            return f"{parent.name} has tier {parent.tier}, not {zone.tier - 1} - {at}"
    if sum(zone.tier == 1 for zone in zones) != 1:
        return "a design has exactly one zone of tier 1 - at `$.zones`"
    return None


def _fault_of_links(topology: Topology) -> str | None:
    """Say what is wrong between links and zones that are each well formed."""
    parents = {zone.name: zone.parent for zone in topology.zones}
    known: set[str] = set()
    for index, link in enumerate(topology.links):
        at = f"at `$.links[{index}]`"
        if link.below == METERS:
            if link.above not in parents or topology.zone(link.above).tier != 3:
                return f"meters are below zones of tier 3, not {link.above!r} - {at}"
        elif parents.get(link.below) != link.above:
            return f"{link.above!r} is not above {link.below!r} - {at}"
        if link.name in known:
            return f"a second link {link.name} - {at}"
        if len(set(link.paths)) < len(link.paths):
            return f"a path twice - {at}"
        known.add(link.name)
    return None
