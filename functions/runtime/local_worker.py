"""`python -m functions.runtime.local_worker FOLDER --listener-fd N`: one load of a local server."""

import argparse
import asyncio
import logging
import os
import socket
import sys
import traceback
from pathlib import Path
from uuid import uuid4

import uvicorn

from functions.runtime.asgi_exchange import App
from functions.runtime.config import WorkerConfig
from functions.runtime.confine import die_with
from functions.runtime.problem import Problem, send_problem
from functions.runtime.tenant_call import Message, Receive, Send
from functions.runtime.tenant_code import load_function
from storage.platform.functions.spec import FunctionSpec
from storage.platform.functions.spec_file import FILE_NAME
from storage.platform.functions.spec_file import load_function as load_spec

TENANT = "local"


class SecretMissing(Exception):
    """The function asks for a secret that the environment does not have."""


class LocalCalls:
    """Adds what a gateway says of a call: its caller, its id, and the path below its name."""

    def __init__(self, app: App, *, name: str) -> None:
        self._app = app
        self._prefix = f"/function/{name}"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] == "http":
            call_id = uuid4().hex
            path = scope["path"]
            if path == self._prefix or path.startswith(f"{self._prefix}/"):
                path = path.removeprefix(self._prefix) or "/"
            said = [
                (b"x-gridfaas-tenant", TENANT.encode()),
                (b"x-gridfaas-role", b"tenant-admin"),
                (b"x-gridfaas-subject", b"local"),
                (b"x-call-id", call_id.encode()),
                (b"x-request-id", call_id.encode()),
            ]
            theirs = [(n, v) for n, v in scope["headers"] if not n.startswith(b"x-gridfaas-")]
            scope = {
                **scope,
                "path": path,
                "raw_path": path.encode(),
                "headers": [*theirs, *said],
            }
        await self._app(scope, receive, send)


class BrokenFunction:
    """Answers every call with the reason why there is no function."""

    def __init__(self, reason: str) -> None:
        self._problem = Problem(status=500, slug="function-unusable", detail=reason)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        await send_problem(send, self._problem, request_id="")


def local_config(folder: Path, spec: FunctionSpec) -> WorkerConfig:
    """Return the configuration of a worker that no zone is around.

    Raises:
        SecretMissing: names the environment variable.
    """
    secrets: dict[str, str] = {}
    for name in spec.secrets:
        variable = f"GRIDFAAS_SECRET_{name.upper().replace('-', '_')}"
        if variable not in os.environ:
            raise SecretMissing(f"set {variable}: the function asks for the secret {name!r}")
        secrets[name] = os.environ[variable]
    return WorkerConfig(
        function=spec.name,
        tenant=TENANT,
        zone="local",
        tier=spec.tiers[-1],
        socket="",
        gateway_url="",
        folder=str(folder),
        timeout_s=spec.timeout_s,
        config=spec.config,
        secrets=secrets,
    )


def load_local(folder: Path) -> App:
    """Load the function, or what says why it cannot be loaded."""
    try:
        spec = load_spec(folder / FILE_NAME)
        os.chdir(folder)
        return LocalCalls(load_function(local_config(folder, spec)), name=spec.name)
    except Exception as error:  # the edge: the developer's code may raise anything
        logging.getLogger(__name__).exception("the function cannot be loaded")
        return BrokenFunction(_reason(error, folder))


def _reason(error: Exception, folder: Path) -> str:
    """The error, and the line of the function's own code that it came from, if any."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(folder)
    ]
    said = f"{type(error).__name__}: {error}"
    return f"{said} ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else said


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m functions.runtime.local_worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--listener-fd", type=int, required=True)
    arguments = parser.parse_args()
    die_with(os.getppid())
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s", force=True
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    server = uvicorn.Server(
        uvicorn.Config(
            load_local(arguments.folder),
            http="httptools",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=2,
        )
    )
    with socket.socket(fileno=arguments.listener_fd) as listener:
        asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
