"""How a function does in the zone that is asked, in the words of its agent and its gateway."""

from gateway.agent_client import NotHere
from gateway.control.caller import ControlCall
from gateway.control.function_models import EndShown, InZone, WorkerShown
from storage.platform.snapshot import DeploymentEntry

# The agent's fields under the same names.
_WORKER = ("id", "version", "state", "started_at", "active", "invocations")
_END = ("instance", "version", "reason", "detail", "at")


async def in_this_zone(call: ControlCall, *, tenant: str, entry: DeploymentEntry) -> InZone:
    """Ask the agent; `ready` also means that this gateway sends calls to that version.

    Raises:
        gateway.agent_client.AgentUnavailable: it does not answer.
    """
    snapshot = call.snapshots.ring.snapshot
    zone = snapshot.zone
    tier = next((one.tier for one in snapshot.zones if one.name == zone), 0)
    if tier not in entry.spec.tiers:
        tiers = ", ".join(map(str, entry.spec.tiers))
        return InZone(
            zone=zone, version=entry.version, state="elsewhere", reason=f"it runs in tier {tiers}"
        )
    try:
        here = await call.agent.function(tenant=tenant, name=entry.name)
    except NotHere:
        reason = "the zone has not heard of it yet"
        return InZone(zone=zone, version=entry.version, state="preparing", reason=reason)
    state, reason = here.state, here.reason
    if here.version != entry.version:
        state, reason = "preparing", f"the zone still knows version {here.version}"
    elif state == "ready":
        await _learn(call)
        ready = {one.id for one in here.instances if one.state == "ready"}
        call.instances.retain(tenant=tenant, function=entry.name, ids=ready)
    last = here.last_end
    return InZone(
        zone=zone,
        version=entry.version,
        platform_version=here.platform_version,
        state=state,
        reason=reason,
        serving=here.serving,
        instances=[
            WorkerShown(**{name: getattr(one, name) for name in _WORKER}) for one in here.instances
        ],
        start_failure=here.start_failure,
        ended=here.ended,
        last_end=None if last is None else EndShown(**{n: getattr(last, n) for n in _END}),
    )


async def _learn(call: ControlCall) -> None:
    """Have this gateway know what the agent says is ready, so that a call finds it now."""
    found = await call.agent.functions(held=call.catalogue.mark or None)
    if found is not None:
        functions, mark = found
        call.catalogue.replace(functions, mark=mark)
