"""Why the workers of a function of a tenant ended, for as long as the agent runs."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from zones.providers.ends import EndReason


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEnd:
    """One worker's end; `at` is aware UTC."""

    instance: str
    version: int
    reason: EndReason
    detail: str
    at: datetime


@dataclass(slots=True)
class EndTally:
    """Ends by reason, and the last one."""

    counts: Counter[EndReason] = field(default_factory=Counter)
    last: WorkerEnd | None = None

    def add(self, end: WorkerEnd) -> None:
        """Count an end."""
        self.counts[end.reason] += 1
        self.last = end
