"""What `up` tells people at its end."""

from deploy.lab.processes import isolation
from deploy.lab.replay import Replay
from deploy.lab.running import RunningLab
from deploy.lab.topology import edges, gateway_url


def summary_text(lab: RunningLab, replay: Replay) -> str:
    """Return the run's figures and how to go on."""
    figures = replay.figures()
    delay = figures["delay_ms"] or {}
    reasons = ", ".join(f"{why} {n}" for why, n in figures["refused_reasons"].items())
    delays = ", ".join(f"{name} {value:g} ms" for name, value in delay.items()) or "none"
    verdict = "each acknowledged one exactly once"
    if not replay.exactly_once:
        verdict = "NOT each acknowledged one exactly once"
    rows = [
        ("day", f"{figures['day']}, {figures['meters']} meters"),
        ("sent", f"{figures['sent']:,}"),
        ("acknowledged", f"{figures['acknowledged']:,} ({figures['readings_per_second']:,}/s)"),
        ("refused", f"{figures['refused']:,}" + (f" ({reasons})" if reasons else "")),
        ("unanswered", f"{figures['unanswered']:,}"),
        ("in cold store", f"{figures['cold_found']:,}: {verdict}"),
        ("request delay", delays),
        ("took", f"{figures['seconds']:.1f} s"),
        ("isolation", isolation()),
    ]
    rows += [(zone.name, gateway_url(zone)) for zone in lab.topology.zones]
    rows += [(f"key {tenant}", key) for tenant, key in lab.keys.tenants.items()]
    lines = [f"  {name:<18} {value}" for name, value in rows]
    return "\n".join([*lines, "", *_first_call(lab)])


def _first_call(lab: RunningLab) -> list[str]:
    tenant, key = next(iter(lab.keys.tenants.items()))
    url = gateway_url(edges(lab.topology)[0])
    return [
        f"The meters of {tenant}, as its edge knows them:",
        f"  curl -H 'Authorization: Bearer {key}' '{url}/v1/mdms/meters?limit=3'",
    ]
