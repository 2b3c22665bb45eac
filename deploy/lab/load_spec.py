"""What an emulated load is: whose meters, which days, in which shape, at which pace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from deploy.lab.bootstrap import TENANTS
from deploy.lab.keys_file import LabKeys

Preset = Literal["homes", "paper"]
Shape = Literal["live", "backfill"]

# What the emulator can do to readings on their way; it says what each one is.
FAULTS = (
    *("negative", "spike", "roll-over", "clock-drift"),
    *("out-of-order", "late", "gap", "duplicate"),
)
# The paper's devices, of the tenant that sends its load.
PAPER_METERS = 1_000
PAPER_DAYS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSpec:
    """Equal specs send equal readings: a second run stores nothing new.

    `rate` is readings/s over all edges, 0 for as fast as answers come; `faults` maps a fault's
    name to its rate; `preset` "paper" is one tenant's fleet of `PAPER_METERS`, whatever `meters`.
    """

    meters: int
    seed: int
    first_day: date
    days: int = 1
    pv_share: float = 0.0
    preset: Preset = "homes"
    shape: Shape = "live"
    rate: float = 0.0
    faults: Mapping[str, float] = field(default_factory=dict)

    @property
    def last_day(self) -> date:
        """The last day that is sent."""
        return self.first_day + timedelta(days=self.days - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A tenant's share of the load."""

    tenant: str
    key: str
    count: int
    seed: int
    pv_share: float = 0.0
    preset: Preset = "homes"


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeLoad:
    """A part of a tenant's fleet, which speaks to one edge."""

    load: Load
    part: int
    parts: int


def split_by_tenant(spec: LoadSpec, keys: LabKeys) -> list[Load]:
    """Split the meters over the lab's tenants as evenly as it goes; one without any is left out."""
    if spec.preset == "paper":
        counts = [PAPER_METERS]
    else:
        share, rest = divmod(spec.meters, len(TENANTS))
        counts = [share + (n < rest) for n in range(len(TENANTS))]
    return [
        Load(
            tenant=tenant.slug,
            key=keys.tenants[tenant.slug],
            count=count,
            seed=spec.seed,
            pv_share=spec.pv_share,
            preset=spec.preset,
        )
        for tenant, count in zip(TENANTS, counts, strict=False)
        if count
    ]


def split_by_edge(loads: Sequence[Load], *, edges: int) -> list[list[EdgeLoad]]:
    """Deal each tenant's meters out to the edges in turn; an edge may get nothing of a small fleet.

    A meter has the same edge in every load: what it sent before is there, and seen as sent before.
    """
    return [
        [EdgeLoad(load=load, part=edge, parts=edges) for load in loads if load.count > edge]
        for edge in range(edges)
    ]
