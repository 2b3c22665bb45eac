"""Which provider runs a worker: the one its function asks for, else the zone's own."""

import asyncio
from collections.abc import Callable

from zones.providers.port import Ended, Event, Launch, LaunchRefused, Provider, ProviderName


class ChosenProviders:
    """Processes always; containers from the first worker that wants one, or from the start.

    A zone that never had a container starts nothing for them.
    """

    def __init__(
        self,
        *,
        process: Provider,
        docker: Provider,
        default: ProviderName,
        docker_at_start: bool,
        docker_begins: Callable[[], None] = lambda: None,
    ) -> None:
        """`docker_begins` is called once, before the provider for containers is opened."""
        self._providers: dict[ProviderName, Provider] = {"process": process, "docker": docker}
        self._default = default
        self._docker_at_start = docker_at_start or default == "docker"
        self._docker_begins = docker_begins
        self._docker_open = False
        self._opening = asyncio.Lock()
        self._deliver: Callable[[Event], None] = lambda event: None
        self._of: dict[str, Provider] = {}

    @property
    def up(self) -> bool:
        """Whether the platform's own services can be started, which are processes."""
        return self._providers["process"].up

    @property
    def isolation(self) -> str:
        """The processes' isolation, and the containers' where there are any."""
        said = self._providers["process"].isolation
        if self._docker_open:
            said += f" | docker: {self._providers['docker'].isolation}"
        return said

    async def open(self, deliver: Callable[[Event], None]) -> None:
        """Open the provider for processes, and the one for containers if it is needed at once."""
        self._deliver = deliver
        await self._providers["process"].open(self._deliver_and_forget)
        if self._docker_at_start:
            await self._open_docker()

    async def close(self) -> None:
        """Close what was opened."""
        await self._providers["process"].close()
        if self._docker_open:
            await self._providers["docker"].close()

    async def start(self, launch: Launch, *, ordered: Callable[[], None]) -> None:
        """Start a worker with the provider that the launch names, else with the zone's own.

        Raises:
            LaunchRefused: as that provider says.
        """
        name = launch.provider or self._default
        if name == "docker":
            await self._open_docker()
        provider = self._providers[name]
        self._of[launch.instance] = provider
        try:
            await provider.start(launch, ordered=ordered)
        except LaunchRefused:
            del self._of[launch.instance]
            raise

    def stop(self, instance: str, *, at_once: bool, idle: bool = False) -> None:
        """Pass it on to the provider that has the worker."""
        provider = self._of.get(instance)
        if provider is not None:
            provider.stop(instance, at_once=at_once, idle=idle)

    async def describe(self) -> bytes:
        """Ask the services, which are processes.

        Raises:
            ProviderUnavailable: no answer in time.
        """
        return await self._providers["process"].describe()

    async def _open_docker(self) -> None:
        async with self._opening:
            if not self._docker_open:
                self._docker_begins()
                await self._providers["docker"].open(self._deliver_and_forget)
                self._docker_open = True

    def _deliver_and_forget(self, event: Event) -> None:
        if isinstance(event, Ended):
            self._of.pop(event.instance, None)
        self._deliver(event)
