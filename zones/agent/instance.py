"""One worker as the agent knows it, and the group of a tenant's function."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from storage.platform.functions.spec import FunctionSpec
from zones.agent.demand import Demand
from zones.agent.lifecycle import Seen, State
from zones.agent.resolved import Resolved
from zones.providers.ends import EndReason


@dataclass(slots=True, kw_only=True)
class Instance:
    """Moments are seconds of the monotonic clock, `started_at` is aware UTC."""

    id: str
    resolved: Resolved
    socket: Path
    uid: int | None
    started_at: datetime
    ordered_at: float
    state: State = State.STARTING
    pid: int | None = None
    active: int = 0
    calls: int = 0
    busy_at: float = 0.0
    ready_at: float = 0.0
    retired_at: float = 0.0
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it is ready, or has ended before."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    leaving: EndReason | None = None
    """Why it was told to end, if it was."""
    end_reason: str = ""

    def revive(self) -> None:
        """Let calls be sent to it again."""
        self.state, self.leaving = State.READY, None

    def seen(self, in_force: Resolved) -> Seen:
        """Return what the rules of the lifecycle look at."""
        return Seen(
            id=self.id,
            state=self.state,
            active=self.active,
            busy_at=self.busy_at,
            retired_at=self.retired_at,
            current=self.resolved == in_force,
        )


@dataclass(slots=True, kw_only=True)
class Group:
    """The workers of one function of one tenant; `tenant` is None for the platform's own.

    `resolved` is the version in force: workers of others are being replaced.
    """

    tenant: str | None
    resolved: Resolved
    instances: dict[str, Instance] = field(default_factory=dict)
    starting: set[asyncio.Task[Instance]] = field(default_factory=set)
    demand: Demand = field(default_factory=Demand)
    failures: int = 0
    not_before: float = 0.0
    last_failure: str = ""

    @property
    def function(self) -> FunctionSpec:
        """What the function declares."""
        return self.resolved.spec

    @property
    def ready(self) -> list[Instance]:
        """The workers that calls may be sent to."""
        return [one for one in self.instances.values() if one.state is State.READY]

    @property
    def in_flight(self) -> int:
        """Calls that workers had when they last reported."""
        return sum(one.active for one in self.instances.values())

    @property
    def labels(self) -> tuple[str, str]:
        """Tenant and function, as metrics name them."""
        return (self.tenant or PLATFORM, self.function.name)


PLATFORM = "platform"
"""The tenant that platform-owned functions run as; its number is 0."""
