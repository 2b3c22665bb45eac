"""What `up` and `load` tell people at their end."""

from datetime import UTC, datetime

from deploy.cli.key_rows import key_rows
from deploy.lab.first_calls import first_calls
from deploy.lab.processes import isolation
from deploy.lab.replay import Replay
from deploy.lab.running import RunningLab
from deploy.lab.shown_url import without_password
from deploy.lab.status_file import status_path
from deploy.lab.topology import gateway_url


def summary_text(lab: RunningLab, replay: Replay) -> str:
    """Return a run's figures, where the lab answers, its keys and calls to begin with."""
    rows = [
        *_figures(replay),
        ("isolation", isolation()),
        *((zone.name, gateway_url(zone)) for zone in lab.topology.zones),
        ("database", without_password(lab.audit_url)),
        ("", f"its password is in {status_path(lab.home)}"),
    ]
    if lab.prometheus_url is not None:
        rows.append(("prometheus", lab.prometheus_url))
    rows += key_rows(lab.home.state, lab.keys)
    calls = curl_lines(lab, replay)
    about = (
        f"Meter {replay.sample.meter_id} at its edge, at headquarters, and two more readings of it:"
    )
    return "\n".join([_columns(rows), "", about, *(f"  {call}" for call in calls)])


def figures_text(replay: Replay) -> str:
    """Return a run's figures."""
    return _columns(_figures(replay))


def curl_lines(lab: RunningLab, replay: Replay) -> list[str]:
    """Return the calls of `first_calls` for the run's first meter."""
    today = datetime.now(UTC).date()
    return first_calls(lab, meter=replay.sample, day=replay.spec.first_day, today=today)


def _figures(replay: Replay) -> list[tuple[str, str]]:
    spec, sent = replay.spec, replay.sent
    days = f"{spec.first_day}" + (f" to {spec.last_day}" if spec.days > 1 else "")
    outcomes = ", ".join(f"{name} {n:,}" for name, n in sent.outcomes.items() if n)
    refused = ", ".join(f"{name} {n:,}" for name, n in sent.refused.items())
    faults = ", ".join(f"{name} {n:,}" for name, n in sent.faults.items())
    setbacks = ", ".join(f"{name} {n:,}" for name, n in sent.setbacks.items())
    zones = ", ".join(f"{zone} {n:,}" for zone, n in replay.hot.zones.items())
    delay = ", ".join(f"{name} {value:,g} ms" for name, value in (sent.delay_ms() or {}).items())
    verdict = "each acknowledged reading is there exactly once"
    if not replay.exactly_once:
        verdict = f"NOT each acknowledged reading exactly once ({replay.cold.distinct:,} distinct)"
    rows = [
        ("day", f"{days}, {replay.meters:,} meters"),
        ("sent", f"{sent.sent:,} readings"),
        ("acknowledged", f"{sent.acknowledged:,}" + (f" ({outcomes})" if outcomes else "")),
        ("refused", f"{sum(sent.refused.values()):,}" + (f" ({refused})" if refused else "")),
        ("unanswered", f"{sent.unanswered:,}"),
        *([("tried again", f"{sent.retries:,} requests ({setbacks})")] if setbacks else []),
        ("found in hot", f"{replay.hot.distinct:,} ({zones})"),
        ("found in cold", f"{replay.cold.found:,}: {verdict}"),
        ("request delay", delay or "no answer"),
        ("pace", f"{sent.readings_per_second:,} readings/s in {sent.requests:,} requests"),
        ("took", f"{replay.seconds:.1f} s"),
    ]
    if faults:
        rows.insert(2, ("faults", faults))
    if replay.before.distinct:
        rows.insert(-4, ("in cold before", f"{replay.before.distinct:,}"))
    return rows


def _columns(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"  {name:<18} {value}" for name, value in rows)
