"""What the agent asks of whatever runs workers: processes or containers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from zones.providers.ends import EndReason

ProviderName = Literal["process", "docker"]

FIRST_UID = 200_000
"""Where workers have users of their own, a tenant's is this and its number."""


class LaunchRefused(Exception):
    """There is no worker, and no event of it will follow."""


class ProviderUnavailable(LaunchRefused):
    """Workers cannot be started now; the provider is trying to come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One worker to start; `config` is its WorkerConfig as JSON, at most 64 KiB.

    `log_fd` is the write end of a pipe for what the worker writes to stdout and stderr; whoever
    launches closes it after `start`, so a provider that needs it for longer duplicates it. None
    leaves the worker with the provider's own stderr. `provider` names the one that runs it, None
    leaves that to the zone.
    """

    instance: str
    config: bytes
    log_fd: int | None = None
    provider: ProviderName | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """The worker's process exists."""

    instance: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BecameReady:
    """The worker serves its socket."""

    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """The worker ends by itself after its calls in flight: no more should be sent to it."""

    instance: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSeen:
    """`active` requests in flight, `calls` completed since the start."""

    instance: str
    active: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The worker is gone, or was never made; nothing follows for this instance.

    `detail` says in words what was seen: an exit status, a signal, an engine's message.
    """

    instance: str
    reason: EndReason
    detail: str = ""


Event = Launched | BecameReady | Draining | LoadSeen | Ended


class Provider(Protocol):
    """Starts and ends workers. Each launched instance gets exactly one `Ended`, sooner or later.

    Events are delivered by a plain call in the event loop's thread.
    """

    @property
    def up(self) -> bool:
        """Whether workers can be started now."""

    @property
    def isolation(self) -> str:
        """How one tenant's worker is kept from another's, in words for an operator."""

    async def open(self, deliver: Callable[[Event], None]) -> None:
        """Come up in the background; returns at once."""

    async def close(self) -> None:
        """End every worker and free what `open` took."""

    async def start(self, launch: Launch, *, ordered: Callable[[], None]) -> None:
        """Start one worker; `ordered` is called when it is under way, before its first event.

        Raises:
            LaunchRefused: not within the provider's deadline, or not this one; `ordered` was
                not called.
        """

    def stop(self, instance: str, *, at_once: bool, idle: bool = False) -> None:
        """Ask a worker to drain and end, or end it at once; an unknown instance is no error.

        `idle` says that nothing is wrong with it and nothing replaces it: a provider that can
        keeps its remains for the next start of the same tenant, function and version. To the
        caller it ends like any other.
        """

    async def describe(self) -> bytes:
        """Return a JSON object from function name to its OpenAPI document; starts no function.

        Raises:
            ProviderUnavailable: no answer in time.
        """
