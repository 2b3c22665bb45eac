"""The agent's control API: what the zone's gateway and operators ask."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated

from fastapi import Body, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from storage.platform.functions.spec import FunctionSpec
from zones.agent import function_routes, log_routes
from zones.agent.function_routes import agent_of, described, json_answer
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
    app.include_router(function_routes.router)
    app.include_router(log_routes.router)

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
        resolved = agent.functions.here(function, tenant=tenant)
        entry = resolved.spec
        ready = await agent.pool.ensure(
            tenant=None if entry.owner == "platform" else tenant,
            function=resolved,
            waiting=waiting,
        )
        return json_answer(
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
        return json_answer({"next": reached})

    @app.get("/v1/instances")
    async def instances(request: Request) -> Response:
        agent = agent_of(request)
        return json_answer(
            {
                "isolation": agent.provider.isolation,
                "instances": [
                    described(group, instance)
                    for group in agent.pool.groups
                    for instance in group.instances.values()
                ],
            }
        )

    @app.get("/healthz")
    async def healthz() -> Response:
        return json_answer({"status": "alive"})

    @app.get("/readyz")
    async def readyz(request: Request) -> Response:
        agent = agent_of(request)
        checks = agent.checks()
        ready = all(checks.values())
        return json_answer(
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
    metrics.deployments.clear()
    for tenant, state in agent.deployments.states:
        metrics.deployments.labels(tenant, state.value).inc()
    for check, passed in agent.checks().items():
        metrics.checks.labels(check).set(passed)
    metrics.zygote_up.set(agent.provider.up)
    if agent.feed.current is not None:
        metrics.snapshot_version.set(agent.feed.current.version)
    if agent.feed.heard_at is not None:
        metrics.snapshot_heard.set(agent.feed.heard_at)
