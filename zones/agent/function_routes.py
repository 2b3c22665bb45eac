"""What the agent is asked about functions: which there are, how they do, their bundles and logs."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from zones.agent.deployments.deployment import DeploymentState
from zones.agent.instance import Group, Instance
from zones.agent.zone_agent import ZoneAgent

router = APIRouter()


@router.get("/v1/functions")
async def functions(request: Request) -> Response:
    """List what can be called, with an entity tag."""
    listing, mark = agent_of(request).functions.listing()
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers={"etag": mark})
    return Response(listing, media_type="application/json", headers={"etag": mark})


@router.get("/v1/bundles/{digest}")
async def bundle(request: Request, digest: str) -> Response:
    """Return a packed bundle; it is fetched from the parent if it is not here."""
    body = await agent_of(request).depot.packed(digest)
    return Response(body, media_type="application/gzip")


@router.get("/v1/functions/{tenant}/{name}")
async def function(request: Request, tenant: str, name: str) -> Response:
    """Say how far a tenant's function is here, which workers it has and why others ended."""
    agent = agent_of(request)
    found = agent.deployments.find(tenant, name)
    if found is None:
        # A service of the platform, or one of another tier, or none.
        resolved = agent.functions.here(name, tenant=tenant)
        state, reason = DeploymentState.READY, ""
        version = in_force = resolved.version
    else:
        state, reason, version = found.state, found.reason, found.entry.version
        in_force = found.in_force.version if found.in_force else 0
    group = next((g for g in agent.pool.groups if g.labels == (tenant, name)), None)
    ends = agent.pool.ends(tenant=tenant, function=name)
    return json_answer(
        {
            "zone": agent.settings.zone,
            "platform_version": agent.deployments.followed,
            "version": version,
            "state": state,
            "reason": reason,
            "serving": in_force,
            "instances": _instances(group),
            "start_failure": group.last_failure if group is not None and group.failures else "",
            "ended": {reason.value: count for reason, count in sorted(ends.counts.items())},
            "last_end": ends.last,
        }
    )


def agent_of(request: Request) -> ZoneAgent:
    """Return the agent that the application's lifespan runs."""
    agent: ZoneAgent = request.app.state.agent
    return agent


def json_answer(content: Any, *, status: int = 200) -> Response:
    """Encode what msgspec knows to encode."""
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")


def described(group: Group, instance: Instance) -> dict[str, Any]:
    """Show a worker."""
    tenant, name = group.labels
    return {
        "id": instance.id,
        "tenant": tenant,
        "function": name,
        "version": instance.resolved.version,
        "state": instance.state.value,
        "pid": instance.pid,
        "uid": instance.uid,
        "started_at": instance.started_at,
        "active": instance.active,
        "invocations": instance.calls,
    }


def _instances(group: Group | None) -> list[dict[str, Any]]:
    return [] if group is None else [described(group, one) for one in group.instances.values()]
