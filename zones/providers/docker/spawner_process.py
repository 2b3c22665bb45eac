"""The spawner as a child of the agent: started, heard, and started again whenever it dies."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable

from zones.providers.docker import frames
from zones.providers.docker.body import Site, encode_site
from zones.providers.docker.spawner_line import CLOSE_DEADLINE_S, SpawnerLine

# How the engine is found, and nothing that the agent knows besides.
PASSED_ENV = (
    "PATH",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONUNBUFFERED",
    "PYTHONWARNINGS",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "GRIDFAAS_LOG_CONFIG",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
)


class SpawnerProcess(SpawnerLine):
    """`heard` gets each event, `lost` is called when a spawner has ended."""

    def __init__(
        self,
        site: Site,
        *,
        heard: Callable[[frames.Event], None],
        lost: Callable[[], None],
    ) -> None:
        super().__init__(heard=heard, lost=lost)
        self._site = site

    async def _run(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "zones.providers.docker.spawner",
                    "--control-fd",
                    str(theirs.fileno()),
                    "--site",
                    encode_site(self._site),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    env={name: os.environ[name] for name in PASSED_ENV if name in os.environ},
                    start_new_session=True,
                )
            self.pid = process.pid
            try:
                await self._follow(ours)
            finally:
                ours.close()
                await self._end(process)
                self._lost()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Wait for the spawner, which cleans up and ends when its control socket is closed."""
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
