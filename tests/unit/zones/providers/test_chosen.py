from collections.abc import Callable

import pytest

from zones.providers.chosen import ChosenProviders
from zones.providers.ends import EndReason
from zones.providers.port import Ended, Event, Launch, ProviderName, ProviderUnavailable


class Noting:
    """A provider that starts nothing and notes what it is asked."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.asked: list[str] = []
        self.deliver: Callable[[Event], None] = lambda event: None
        self.up = True
        self.isolation = "noted"
        self._refuses = refuses

    async def open(self, deliver: Callable[[Event], None]) -> None:
        self.deliver = deliver
        self.asked.append("open")

    async def close(self) -> None:
        self.asked.append("close")

    async def start(self, launch: Launch, *, ordered: Callable[[], None]) -> None:
        if self._refuses:
            raise ProviderUnavailable("no")
        self.asked.append(f"start {launch.instance}")
        ordered()

    def stop(self, instance: str, *, at_once: bool, idle: bool = False) -> None:
        self.asked.append(f"stop {instance}")

    async def describe(self) -> bytes:
        return b"{}"


def chosen(
    process: Noting, docker: Noting, *, default: ProviderName = "process", known: bool = False
) -> ChosenProviders:
    return ChosenProviders(process=process, docker=docker, default=default, docker_at_start=known)


async def start(providers: ChosenProviders, name: str, provider: ProviderName | None) -> None:
    launch = Launch(instance=name, config=b"", provider=provider)
    await providers.start(launch, ordered=lambda: None)


async def test_each_worker_goes_to_the_provider_it_names_else_to_the_zones() -> None:
    process, docker = Noting(), Noting()
    providers = chosen(process, docker)
    await providers.open(lambda event: None)

    await start(providers, "a", None)
    await start(providers, "b", "docker")
    await start(providers, "c", "process")
    providers.stop("b", at_once=False)
    providers.stop("nobody", at_once=False)
    await providers.close()

    assert process.asked == ["open", "start a", "start c", "close"]
    assert docker.asked == ["open", "start b", "stop b", "close"]


async def test_a_zone_without_containers_starts_nothing_for_them() -> None:
    docker = Noting()
    providers = chosen(Noting(), docker)
    await providers.open(lambda event: None)

    await start(providers, "a", None)
    await providers.close()

    assert docker.asked == []


@pytest.mark.parametrize(("default", "known"), [("docker", False), ("process", True)])
async def test_leftovers_are_looked_for_where_there_may_be_any(
    default: ProviderName, known: bool
) -> None:
    docker = Noting()
    providers = chosen(Noting(), docker, default=default, known=known)

    await providers.open(lambda event: None)

    assert docker.asked == ["open"]


async def test_the_platforms_services_are_processes_in_a_zone_of_containers() -> None:
    process, docker = Noting(), Noting()
    providers = chosen(process, docker, default="docker")
    await providers.open(lambda event: None)

    await start(providers, "service", "process")
    await start(providers, "function", None)

    assert process.asked == ["open", "start service"]
    assert docker.asked == ["open", "start function"]


async def test_an_ended_or_refused_worker_is_nobodys() -> None:
    process = Noting()
    heard: list[Event] = []
    providers = chosen(process, Noting(refuses=True))
    await providers.open(heard.append)
    await start(providers, "a", None)
    ended = Ended(instance="a", reason=EndReason.STOPPED)

    process.deliver(ended)
    with pytest.raises(ProviderUnavailable):
        await start(providers, "b", "docker")
    providers.stop("a", at_once=True)
    providers.stop("b", at_once=True)

    assert heard == [ended]
    assert process.asked == ["open", "start a"]
