"""One container as the agent's side of the provider knows it."""

import asyncio
import os
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from zones.providers.docker.channel import Channel
from zones.providers.docker.facts import Kind
from zones.providers.docker.gateway_relay import GatewayRelay


class Phase(StrEnum):
    """STARTING -> SERVING -> DOZING (told to sleep) -> ASLEEP (frozen) -> WAKING -> SERVING."""

    STARTING = "starting"
    SERVING = "serving"
    DOZING = "dozing"
    ASLEEP = "asleep"
    WAKING = "waking"
    ENDING = "ending"


NOTHING: Final = ()


@dataclass(slots=True, kw_only=True)
class ContainedWorker:
    """`id` is the container's, for good; `instance` is whom it serves as now, None asleep."""

    id: str
    kind: Kind
    instance: str | None
    phase: Phase = Phase.STARTING
    asked: bool = False
    """Whether it was told to end, so that its end is no crash."""
    given_up: bool = False
    """Whether it was ended for not doing in time what it should."""
    channel: Channel | None = None
    relay: GatewayRelay | None = None
    descriptors: tuple[int, ...] = NOTHING
    """What the next `serve` carries: configuration, listening socket, perhaps a log."""
    since: float = 0.0
    """When it was frozen (monotonic seconds)."""
    pid: int = 0
    timer: asyncio.TimerHandle | None = None

    def drop_descriptors(self) -> None:
        """Close what was not, or has been, handed over."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = NOTHING

    def stop_timer(self) -> None:
        """Forget the deadline that was set."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
