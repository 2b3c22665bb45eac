"""When to start, retire, revive and stop the workers of one function of one tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

# A gateway may use an answer of ours for a second, and loads are a second old: after this long
# without a call nobody can still be sending to a retiring worker.
RETIRE_GRACE_S = 3.0
GIVE_UP_FAILURES = 5
# A worker that dies sooner than this after its start counts as a failed start.
STEADY_S = 10.0


class State(StrEnum):
    """STARTING -> READY -> RETIRING (handed out no more) -> STOPPING; READY again if called."""

    STARTING = "starting"
    READY = "ready"
    RETIRING = "retiring"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How far a function may grow; `concurrency` is what one worker takes at a time."""

    min: int
    max: int
    concurrency: int
    idle_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One worker: `busy_at` is the last moment it was known to be used or asked for (seconds)."""

    id: str
    state: State
    active: int
    busy_at: float
    retired_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now; each list holds instance ids."""

    start: int = 0
    retire: tuple[str, ...] = ()
    revive: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()


def decide(*, now: float, seen: Sequence[Seen], wanted: int, scale: Scale) -> Decision:
    """Compare the workers there are with those there should be.

    `wanted` is the number asked for by calls so far (0 after scale to zero). Starts fill up to
    it within [min, max], and one more when every worker is full; a worker idle for `idle_s`
    retires while more than `min` are left, and stops after a grace without a call.
    """
    live = [one for one in seen if one.state in (State.STARTING, State.READY)]
    ready = [one for one in live if one.state is State.READY]
    revive = [one.id for one in seen if one.state is State.RETIRING and _used(one, one.retired_at)]
    stop = [
        one.id
        for one in seen
        if one.state is State.RETIRING
        and not _used(one, one.retired_at)
        and now - one.retired_at >= RETIRE_GRACE_S
    ]
    spare = max(0, len(live) - scale.min)
    idle = [one for one in ready if one.active == 0 and now - one.busy_at >= scale.idle_s]
    retire = [one.id for one in sorted(idle, key=lambda one: one.busy_at)[:spare]]
    target = min(scale.max, max(scale.min, wanted))
    full = bool(live) and all(
        one.state is State.READY and one.active >= scale.concurrency for one in live
    )
    if full and len(live) >= target:
        target = min(scale.max, len(live) + 1)
    start = 0 if retire else max(0, target - len(live) - len(revive))
    return Decision(start=start, retire=tuple(retire), revive=tuple(revive), stop=tuple(stop))


def wanted_after(*, wanted: int, failures: int, minimum: int) -> int:
    """Stop wanting a function whose workers keep failing, until the next call asks for it."""
    return minimum if failures >= GIVE_UP_FAILURES else max(wanted, minimum)


def _used(one: Seen, since: float) -> bool:
    return one.active > 0 or one.busy_at > since
