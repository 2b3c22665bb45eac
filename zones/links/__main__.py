"""`python -m zones.links`: the links of a design that pass through this process, until SIGTERM."""

import asyncio
import contextlib
import json
import logging
import logging.config
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence

import uvicorn
import uvloop
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import ValidationError
from pydantic_settings import SettingsError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from zones.links.address import Address
from zones.links.control import LinkControl
from zones.links.emulated_link import EmulatedLink
from zones.links.figures import LinkMetrics
from zones.links.medium import MediaError, load_media
from zones.links.plan import LinkPlan, link_plan
from zones.links.relay import Relay
from zones.links.settings import LinkSettings
from zones.topology import DesignError, load_topology

logger = logging.getLogger("zones.links")


class QuietServer(uvicorn.Server):
    """Leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> int:
    """Run; 0 after SIGTERM, 2 when it cannot start as told."""
    try:
        settings = LinkSettings()
        plans = _plans(settings)
    except (ValidationError, SettingsError, DesignError, MediaError) as error:
        sys.stderr.write(f"zones.links: {error}\n")
        return 2
    if settings.log_config is not None:
        logging.config.dictConfig(json.loads(settings.log_config.read_text()))
    else:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(settings, plans))
        except OSError as error:
            sys.stderr.write(f"zones.links: {error}\n")
            return 2
    return 0


def _plans(settings: LinkSettings) -> list[LinkPlan]:
    """Look the links of the routes up, in their order; DesignError when one is not there."""
    links = {link.name: link for link in load_topology(settings.design).links}
    media = load_media(settings.media)
    plans = []
    for route in settings.routes:
        if route.link not in links:
            known = ", ".join(links) or "none"
            raise DesignError(f"{settings.design}: no link {route.link!r}, but {known}")
        try:
            plans.append(link_plan(links[route.link], media))
        except KeyError as error:
            raise DesignError(f"{settings.media}: no medium {error} for {route.link}") from error
    return plans


async def _serve(settings: LinkSettings, plans: Sequence[LinkPlan]) -> None:
    relays = [
        Relay(EmulatedLink(plan, seed=settings.seed), target=Address.parsed(route.target))
        for route, plan in zip(settings.routes, plans, strict=True)
    ]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = Address.parsed(settings.metrics)
    async with contextlib.AsyncExitStack() as stack:
        for route, relay in zip(settings.routes, relays, strict=True):
            stack.push_async_callback(relay.stop)
            await relay.start(Address.parsed(route.listen))
        with _private_socket(settings) as control, _tcp_socket(metrics) as shown:
            apps = ((LinkControl(relays).app(), control), (_metrics_app(relays), shown))
            servers = [(QuietServer(_config(app)), listener) for app, listener in apps]
            tasks = [asyncio.create_task(one.serve(sockets=[own])) for one, own in servers]
            logger.info("links: %s", ", ".join(plan.name for plan in plans))
            await stop.wait()
            for server, _ in servers:
                server.should_exit = True
            await asyncio.gather(*tasks)


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


def _metrics_app(relays: Sequence[Relay]) -> Starlette:
    registry = LinkMetrics(relays).registry

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz)])


@contextlib.contextmanager
def _private_socket(settings: LinkSettings) -> Iterator[socket.socket]:
    """Bind the control socket, for its owner alone."""
    settings.control.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        before = os.umask(0o177)
        try:
            listener.bind(str(settings.control))
        finally:
            os.umask(before)
        listener.listen(16)
        yield listener
        settings.control.unlink(missing_ok=True)


@contextlib.contextmanager
def _tcp_socket(address: Address) -> Iterator[socket.socket]:
    with socket.create_server((address.host, address.port)) as listener:
        yield listener


if __name__ == "__main__":
    sys.exit(main())
