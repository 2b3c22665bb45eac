"""Calls that a newcomer can paste: a meter's readings at its edge and at headquarters, and more."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from deploy.lab.load_spec import LoadSpec, split_by_edge, split_by_tenant
from deploy.lab.running import RunningLab
from deploy.lab.topology import edges, gateway_url, headquarters
from zones.topology import Zone

VALUES_WH = (120, 95)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleMeter:
    """A meter whose readings were sent."""

    tenant: str
    meter_id: str
    register: str
    interval_s: int


def first_calls(lab: RunningLab, *, spec: LoadSpec, meter: SampleMeter, today: date) -> list[str]:
    """Return three curl lines: read at the meter's edge, read at headquarters, send a series."""
    key = lab.keys.tenants[meter.tenant]
    edge = _edge(lab, spec, meter.tenant)
    return [
        _read(key, edge, spec.first_day, meter),
        _read(key, headquarters(lab.topology), spec.first_day, meter),
        _send(key, edge, today - timedelta(days=1), meter),
    ]


def _edge(lab: RunningLab, spec: LoadSpec, tenant: str) -> Zone:
    """Where the first of the tenant's meters speaks to."""
    zones = edges(lab.topology)
    shares = split_by_edge(split_by_tenant(spec, lab.keys), edges=len(zones))
    return next(
        zone
        for zone, share in zip(zones, shares, strict=True)
        if any(one.load.tenant == tenant for one in share)
    )


def _read(key: str, zone: Zone, day: date, meter: SampleMeter) -> str:
    until = "T01:00:00Z" if meter.interval_s < 3_600 else "T23:59:59Z"
    query = {"meter_id": meter.meter_id, "from": f"{day}T00:00:00Z", "to": f"{day}{until}"}
    url = f"{gateway_url(zone)}/v1/mdms/readings?{urlencode(query, safe=':')}"
    return f"curl -H 'Authorization: Bearer {key}' '{url}'"


def _send(key: str, zone: Zone, day: date, meter: SampleMeter) -> str:
    series = {
        "meter_id": meter.meter_id,
        "register": meter.register,
        "start": f"{day}T00:00:00Z",
        "interval_s": meter.interval_s,
        "values": list(VALUES_WH),
    }
    body = json.dumps({"series": [series]}, separators=(",", ":"))
    return (
        f"curl -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' "
        f"-d '{body}' '{gateway_url(zone)}/v1/mdms/readings'"
    )
