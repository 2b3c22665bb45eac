"""A tenant's function in a zone: what shall be in force, and what is."""

from dataclasses import dataclass
from enum import StrEnum

from storage.platform.snapshot import DeploymentEntry
from zones.agent.resolved import Resolved


class DeploymentState(StrEnum):
    """Of the version that shall be in force."""

    PREPARING = "preparing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A function as it shall be here, how far that is, and what serves until then.

    `size` is in bytes, of the version in force.
    """

    entry: DeploymentEntry
    state: DeploymentState
    reason: str = ""
    in_force: Resolved | None = None
    size: int = 0
