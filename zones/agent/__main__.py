"""`python -m zones.agent`: one zone's agent, until SIGTERM."""

import asyncio
import contextlib
import fcntl
import json
import logging
import logging.config
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import uvicorn
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError as MalformedSetting

from storage.platform.functions.spec import FunctionSpec
from storage.platform.functions.spec_error import SpecError
from storage.platform.functions.spec_file import load_services
from zones.agent.app import create_app
from zones.agent.settings import AgentSettings, SettingsError

_TICK_S = 1.0

logger = logging.getLogger("zones.agent")


class AgentServer(uvicorn.Server):
    """Ends by returning on SIGTERM and SIGINT, where uvicorn would end by the signal."""

    def __init__(self, config: uvicorn.Config) -> None:
        """As uvicorn's."""
        super().__init__(config)
        self.failed = False
        self._ending = asyncio.Event()

    async def main_loop(self) -> None:
        # uvicorn looks ten times a second whether it should end; this is told.
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._ending.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        yield

    def fail(self) -> None:
        """End with a failure, so that whoever supervises starts a fresh agent."""
        self.failed = True
        self._end()

    def _end(self) -> None:
        self.should_exit = True
        self._ending.set()


def main() -> int:
    """Run; 0 after SIGTERM, 1 after an inner failure, 2 when it cannot start as told."""
    try:
        settings = AgentSettings()  # type: ignore[call-arg]  # the environment has them
        catalogue = load_services(settings.functions_dir)
        for name in ("redis_url", "zone_credential"):
            settings.secret(name)
        if settings.tier == 1:
            settings.secret("database_url")
        else:
            settings.required_parent_url()
    except (ValidationError, MalformedSetting, SettingsError, SpecError) as error:
        sys.stderr.write(f"zones.agent: {error}\n")
        return 2
    if settings.log_config is not None:
        logging.config.dictConfig(json.loads(settings.log_config.read_text()))
    else:
        logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    with contextlib.ExitStack() as stack:
        if not stack.enter_context(_only_agent(settings.state_dir)):
            sys.stderr.write(f"zones.agent: another agent of {settings.zone} is running\n")
            return 2
        listener = stack.enter_context(_listener(settings))
        return _serve(settings, catalogue, listener)


def _serve(
    settings: AgentSettings, catalogue: Mapping[str, FunctionSpec], listener: socket.socket
) -> int:
    server: AgentServer

    def failed() -> None:
        server.fail()

    server = AgentServer(
        uvicorn.Config(
            create_app(settings, catalogue=catalogue, failed=failed),
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
    )
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve(sockets=[listener]))
    settings.agent_socket.unlink(missing_ok=True)
    return 1 if server.failed else 0


@contextlib.contextmanager
def _only_agent(state_dir: Path) -> Iterator[bool]:
    """Hold the zone's lock; False when another agent has it."""
    with (state_dir / "agent.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alone = True
        except BlockingIOError:
            alone = False
        yield alone


@contextlib.contextmanager
def _listener(settings: AgentSettings) -> Iterator[socket.socket]:
    """Bind the control socket (0600) and clear the workers' sockets of an agent before this."""
    os.umask(0o077)
    settings.workers_dir.mkdir(exist_ok=True)
    for left in settings.workers_dir.iterdir():
        left.unlink()
    settings.agent_socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        os.umask(0o177)
        listener.bind(str(settings.agent_socket))
        os.umask(0o077)
        listener.listen(256)
        yield listener


if __name__ == "__main__":
    sys.exit(main())
