"""The lab's zones as its processes are wired: their design, at the ports of this run."""

from pathlib import Path

import msgspec

from deploy.lab.failure import LabFailure
from deploy.lab.ports import HOST
from storage.platform.snapshot import ZoneEntry
from zones.links.plan import METERS
from zones.topology import DESIGNS, LAB, DesignError, Topology, Zone, load_topology


class UnusableDesign(LabFailure):
    """The design's file cannot be used; the message says why."""


def lab_topology(path: Path = LAB, *, first_port: int | None = None) -> Topology:
    """Read a design; `first_port` renumbers the gateways from there on, headquarters first.

    Links of the design get the ports after Prometheus', in their order.

    Raises:
        UnusableDesign: missing, malformed, or without a zone that meters could speak to.
    """
    try:
        topology = load_topology(path)
    except DesignError as error:
        raise UnusableDesign(str(error)) from error
    if not edges(topology):
        raise UnusableDesign(f"{path}: no zone of tier 3, so no meter could send anything")
    if first_port is not None:
        zones = [
            msgspec.structs.replace(zone, port=first_port + n)
            for n, zone in enumerate(topology.zones)
        ]
        topology = msgspec.structs.replace(topology, zones=zones)
    return _through_links(topology)


def named_design(name: str) -> Path:
    """Return the file of a design: of ours by its name, else `name` is its path.

    Raises:
        UnusableDesign: there is none, or its zones are not the lab's, whose record is kept.
    """
    ours = DESIGNS / f"{name}.yaml"
    path = ours if ours.is_file() else Path(name)
    try:
        zones = [(zone.name, zone.tier, zone.parent) for zone in load_topology(path).zones]
        lab = [(zone.name, zone.tier, zone.parent) for zone in load_topology().zones]
    except DesignError as error:
        raise UnusableDesign(str(error)) from error
    if zones != lab:
        raise UnusableDesign(f"{path}: its zones are not those of {LAB.name}")
    return path


def gateway_url(zone: Zone) -> str:
    """Where the zone's gateway answers."""
    return f"http://{HOST}:{zone.port}"


def meters_url(zone: Zone) -> str:
    """Where meters reach the zone."""
    return f"http://{HOST}:{zone.port if zone.meters_port is None else zone.meters_port}"


def prometheus_port(topology: Topology) -> int:
    """The port after the gateways'."""
    return max(zone.port for zone in topology.zones) + 1


def link_ports(topology: Topology) -> list[int]:
    """A port for each link, in their order, and one more for their metrics."""
    first = prometheus_port(topology) + 1
    return [first + n for n in range(len(topology.links) + 1)] if topology.links else []


def parent_url(topology: Topology, zone: Zone) -> str | None:
    """Where the zone reaches its parent; None at headquarters."""
    if zone.parent is None:
        return None
    if zone.uplink_port is not None:
        return f"http://{HOST}:{zone.uplink_port}"
    return gateway_url(topology.zone(zone.parent))


def headquarters(topology: Topology) -> Zone:
    """The one zone of tier 1."""
    return next(zone for zone in topology.zones if zone.tier == 1)


def edges(topology: Topology) -> list[Zone]:
    """The zones that meters speak to."""
    return [zone for zone in topology.zones if zone.tier == 3]


def hot_zones(topology: Topology) -> list[Zone]:
    """The zones that hold readings hot; headquarters' Redis has queues alone."""
    return [zone for zone in topology.zones if zone.tier > 1]


def zone_entries(topology: Topology) -> list[ZoneEntry]:
    """The zones as the platform records them, every parent before its children."""
    return [ZoneEntry(name=z.name, tier=z.tier, parent=z.parent) for z in topology.zones]


def _through_links(topology: Topology) -> Topology:
    """Let each zone that has a link call that, and meters theirs."""
    ports = dict(zip([link.name for link in topology.links], link_ports(topology), strict=False))
    up = {link.below: ports[link.name] for link in topology.links if link.below != METERS}
    down = {link.above: ports[link.name] for link in topology.links if link.below == METERS}
    zones = [
        msgspec.structs.replace(
            zone,
            uplink_port=up.get(zone.name, zone.uplink_port),
            meters_port=down.get(zone.name, zone.meters_port),
        )
        for zone in topology.zones
    ]
    return msgspec.structs.replace(topology, zones=zones)
