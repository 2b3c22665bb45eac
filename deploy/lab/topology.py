"""The lab's zones as its processes are wired: their design, at the ports of this run."""

from pathlib import Path

import msgspec

from deploy.lab.failure import LabFailure
from deploy.lab.ports import HOST
from storage.platform.snapshot import ZoneEntry
from zones.topology import LAB, DesignError, Topology, Zone, load_topology


class UnusableDesign(LabFailure):
    """The design's file cannot be used; the message says why."""


def lab_topology(path: Path = LAB, *, first_port: int | None = None) -> Topology:
    """Read a design; `first_port` renumbers the gateways from there on, headquarters first.

    Raises:
        UnusableDesign: missing, malformed, or without a zone that meters could speak to.
    """
    try:
        topology = load_topology(path)
    except DesignError as error:
        raise UnusableDesign(str(error)) from error
    if not edges(topology):
        raise UnusableDesign(f"{path}: no zone of tier 3, so no meter could send anything")
    if first_port is None:
        return topology
    zones = [
        msgspec.structs.replace(zone, port=first_port + n) for n, zone in enumerate(topology.zones)
    ]
    return msgspec.structs.replace(topology, zones=zones)


def gateway_url(zone: Zone) -> str:
    """Where the zone's gateway answers."""
    return f"http://{HOST}:{zone.port}"


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
