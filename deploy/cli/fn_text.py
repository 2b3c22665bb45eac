"""Functions as people read them in a terminal."""

from typing import Any


def function_row(function: dict[str, Any]) -> str:
    """Return a line of `fn list`."""
    version = f"v{function['version']}" if function["version"] else "-"
    tiers = ",".join(map(str, function["tiers"]))
    path = function["route_prefix"] or f"/function/{function['name']}"
    owner = function["tenant"] or "the platform"
    return f"{function['name']:<32} {version:<6} tiers {tiers:<6} {path:<40} {owner}"


def zone_text(zone: dict[str, Any]) -> str:
    """Return a line on how a zone has a function."""
    text = f"{zone['zone']:<12} {zone['state']:<10}"
    if zone["state"] != "elsewhere":
        serving = f"v{zone['serving']} serves" if zone["serving"] else "nothing serves yet"
        text += f" {serving}, {len(zone['instances'])} workers"
    return text + (f": {zone['reason']}" if zone["reason"] else "")


def detail_text(function: dict[str, Any]) -> str:
    """Return what `fn describe` prints of a function and the zones that were asked."""
    lines = [f"{function['name']} of {function['tenant'] or 'the platform'}"]
    if function["version"]:
        lines[0] += f", version {function['version']} ({function['digest'][:12]})"
    lines += [f"  {name}: {value}" for name, value in function["spec"].items() if name != "name"]
    if function["versions"]:
        lines.append("versions:")
        for one in function["versions"]:
            mark = "*" if one["version"] == function["version"] else " "
            made = f"{one['created_at'][:19]}Z by key {one['created_by']}"
            lines.append(f" {mark}{one['version']:>4}  {one['digest'][:12]}  {made}")
    lines.append("zones:")
    for zone in function["zones"]:
        lines.append(f"  {zone_text(zone)}")
        lines += [f"      {_worker(one)}" for one in zone["instances"]]
        if zone["start_failure"]:
            lines.append(f"      starts fail: {zone['start_failure']}")
        if zone["ended"]:
            counts = ", ".join(f"{reason} {count}" for reason, count in zone["ended"].items())
            lines.append(f"      workers ended: {counts}")
        if zone["last_end"]:
            last = zone["last_end"]
            said = f" ({last['detail']})" if last["detail"] else ""
            lines.append(f"      the last one: {last['reason']}{said} at {last['at'][:19]}Z")
    return "\n".join(lines)


def _worker(worker: dict[str, Any]) -> str:
    return (
        f"{worker['id']} v{worker['version']} {worker['state']} since {worker['started_at'][:19]}Z,"
        f" {worker['invocations']} calls, {worker['active']} in flight"
    )
