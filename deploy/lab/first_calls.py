"""Calls that a newcomer can paste: a meter's readings at its edge and at headquarters, and more."""

import json
import shlex
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from deploy.lab.keys_file import tenant_key_file
from deploy.lab.running import RunningLab
from deploy.lab.topology import edges, gateway_url, headquarters
from zones.topology import Zone

VALUES_WH = (120, 95)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleMeter:
    """A fleet's first meter, whose readings were sent."""

    tenant: str
    meter_id: str
    register: str
    interval_s: int


def first_calls(lab: RunningLab, *, meter: SampleMeter, day: date, today: date) -> list[str]:
    """Return three curl lines: read a day's first hour at the edge and above, send a series.

    The shell reads the key from its file, so that a line may be logged.
    """
    key = f"$(cat {shlex.quote(str(tenant_key_file(lab.home.state, meter.tenant)))})"
    # The first meter of a fleet is dealt to the first edge.
    edge = edges(lab.topology)[0]
    return [
        _read(key, edge, day, meter),
        _read(key, headquarters(lab.topology), day, meter),
        _send(key, edge, today - timedelta(days=1), meter),
    ]


def _read(key: str, zone: Zone, day: date, meter: SampleMeter) -> str:
    until = "T01:00:00Z" if meter.interval_s < 3_600 else "T23:59:59Z"
    query = {"meter_id": meter.meter_id, "from": f"{day}T00:00:00Z", "to": f"{day}{until}"}
    url = f"{gateway_url(zone)}/v1/mdms/readings?{urlencode(query, safe=':')}"
    return f"""curl -H "Authorization: Bearer {key}" '{url}'"""


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
        f"""curl -H "Authorization: Bearer {key}" -H 'Content-Type: application/json' """
        f"-d '{body}' '{gateway_url(zone)}/v1/mdms/readings'"
    )
