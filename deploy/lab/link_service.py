"""The lab's emulated links: one process for all of them, in the path between zones."""

import json
import os
from pathlib import Path

import msgspec

from deploy.lab.home import CLONE, Home
from deploy.lab.ports import HOST
from deploy.lab.service import Service
from deploy.lab.service_env import LOG_CONFIG
from deploy.lab.topology import link_ports
from zones.links.plan import METERS, Link
from zones.topology import Topology

NAME = "links"


def link_service(home: Home, topology: Topology) -> Service | None:
    """Prepare the process of the design's links; None when it has none."""
    if not topology.links:
        return None
    folder = home.run / NAME
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    # As this run has it; the design's own file may change while we run.
    design = folder / "design.json"
    design.write_bytes(msgspec.json.encode(topology))
    *ports, metrics = link_ports(topology)
    routes = [
        {
            "link": link.name,
            "listen": f"{HOST}:{port}",
            "target": f"{HOST}:{topology.zone(link.above).port}",
        }
        for link, port in zip(topology.links, ports, strict=True)
    ]
    return Service(
        NAME,
        module="zones.links",
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": str(CLONE),
            "GRIDFAAS_LOG_CONFIG": str(LOG_CONFIG),
            "GRIDFAAS_LINK_DESIGN": str(design),
            "GRIDFAAS_LINK_ROUTES": json.dumps(routes),
            "GRIDFAAS_LINK_METRICS": f"{HOST}:{metrics}",
            "GRIDFAAS_LINK_CONTROL": str(link_control(home)),
        },
        log_path=home.logs / f"{NAME}.log",
        lock=home.locks / f"{NAME}.lock",
    )


def link_control(home: Home) -> Path:
    """Where the links' control API answers."""
    return home.run / NAME / "control.sock"


def ports_of_links(topology: Topology) -> list[tuple[str, int]]:
    """(what listens, port) for each port that the links take."""
    names = [*map(_said, topology.links), "the links' metrics"]
    return list(zip(names, link_ports(topology), strict=False))


def _said(link: Link) -> str:
    return (
        f"the link from {link.below} to {link.above}"
        if link.below != METERS
        else (f"the meters' link to {link.above}")
    )
