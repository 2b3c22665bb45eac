"""The agent's control API: what the zone's gateway and operators ask."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Body, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from storage.platform.functions.spec import FunctionSpec
from zones.agent.instance import Group, Instance
from zones.agent.problems import install_problems
from zones.agent.settings import AgentSettings
from zones.agent.zone_agent import ZoneAgent, running_agent


def create_app(
    settings: AgentSettings,
    *,
    catalogue: Mapping[str, FunctionSpec],
    failed: Callable[[], None],
) -> FastAPI:
    """Build the application; its lifespan is the agent's. `failed` as in `running_agent`."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running_agent(settings, catalogue=catalogue, failed=failed) as agent:
            app.state.agent = agent
            yield

    app = FastAPI(title="GridFaaS agent", lifespan=lifespan, openapi_url=None)
    install_problems(app)

    def agent_of(request: Request) -> ZoneAgent:
        agent: ZoneAgent = request.app.state.agent
        return agent

    @app.get("/v1/functions")
    async def functions(request: Request) -> Response:
        known = agent_of(request).functions
        marked = {"etag": known.mark}
        if request.headers.get("if-none-match") == known.mark:
            return Response(status_code=304, headers=marked)
        return Response(known.listing, media_type="application/json", headers=marked)

    @app.get("/v1/functions/openapi")
    async def openapi(request: Request) -> Response:
        documents, mark = await agent_of(request).descriptions.get()
        if request.headers.get("if-none-match") == mark:
            return Response(status_code=304, headers={"etag": mark})
        return Response(documents, media_type="application/json", headers={"etag": mark})

    @app.post("/v1/instances")
    async def ensure(
        request: Request,
        tenant: Annotated[str, Body()],
        function: Annotated[str, Body()],
        waiting: Annotated[int, Body(ge=0)] = 0,
    ) -> Response:
        agent = agent_of(request)
        resolved = agent.functions.here(function)
        entry = resolved.spec
        ready = await agent.pool.ensure(
            tenant=None if entry.owner == "platform" else tenant,
            function=resolved,
            waiting=waiting,
        )
        return _json(
            {
                "version": resolved.version,
                "instances": [
                    {
                        "id": one.id,
                        "socket": str(one.socket),
                        "concurrency": one.resolved.spec.concurrency,
                    }
                    for one in ready
                ],
            }
        )

    @app.post("/v1/ledger")
    async def pass_ledger(request: Request, zone: str, segment: str, offset: int) -> Response:
        """Hand a batch of a zone below on, as this zone's own go."""
        body = await request.body()
        reached = await agent_of(request).ledger.take(
            zone=zone, segment=segment, offset=offset, body=body
        )
        return _json({"next": reached})

    @app.get("/v1/instances")
    async def instances(request: Request) -> Response:
        agent = agent_of(request)
        return _json(
            {
                "isolation": agent.provider.isolation,
                "instances": [
                    _described(group, instance)
                    for group in agent.pool.groups
                    for instance in group.instances.values()
                ],
            }
        )

    @app.get("/healthz")
    async def healthz() -> Response:
        return _json({"status": "alive"})

    @app.get("/readyz")
    async def readyz(request: Request) -> Response:
        agent = agent_of(request)
        checks = agent.checks()
        ready = all(checks.values())
        return _json(
            {"ready": ready, "checks": checks, "isolation": agent.provider.isolation},
            status=200 if ready else 503,
        )

    @app.get("/metrics")
    async def metrics(request: Request) -> Response:
        agent = agent_of(request)
        await agent.scrape.refresh()
        _refresh(agent)
        return Response(
            generate_latest(agent.metrics.registry), headers={"content-type": CONTENT_TYPE_LATEST}
        )

    return app


def _json(content: Any, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type="application/json")


def _described(group: Group, instance: Instance) -> dict[str, Any]:
    tenant, function = group.labels
    return {
        "id": instance.id,
        "tenant": tenant,
        "function": function,
        "state": instance.state.value,
        "pid": instance.pid,
        "uid": instance.uid,
        "started_at": instance.started_at,
        "active": instance.active,
        "invocations": instance.calls,
    }


def _refresh(agent: ZoneAgent) -> None:
    """Bring the gauges up to date: they follow what is, at the moment it is asked."""
    metrics = agent.metrics
    metrics.instances.clear()
    for group in agent.pool.groups:
        for instance in group.instances.values():
            metrics.instances.labels(*group.labels, instance.state.value).inc()
    # A function that was ever asked for stays in sight at 0.
    ready = {group.labels: len(group.ready) for group in agent.pool.groups}
    for tenant, function in metrics.met:
        count = ready.get((tenant, function), 0)
        metrics.service_count.labels(function, tenant).set(count)
    for check, passed in agent.checks().items():
        metrics.checks.labels(check).set(passed)
    metrics.zygote_up.set(agent.provider.up)
    if agent.feed.current is not None:
        metrics.snapshot_version.set(agent.feed.current.version)
    if agent.feed.heard_at is not None:
        metrics.snapshot_heard.set(agent.feed.heard_at)
