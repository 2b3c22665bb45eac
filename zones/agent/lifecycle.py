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
# Workers of one function that are being started at the same time.
MOST_STARTS = 8


class State(StrEnum):
    """STARTING -> READY -> RETIRING (handed out no more) -> STOPPING; READY again if called."""

    STARTING = "starting"
    READY = "ready"
    RETIRING = "retiring"
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One worker: `busy_at` is the last moment it was known to be used or asked for (seconds).

    `current` tells whether it runs the version of the function that is in force.
    """

    id: str
    state: State
    active: int
    busy_at: float
    retired_at: float = 0.0
    current: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do now; each tuple holds instance ids. `replace` retires for another version."""

    start: int = 0
    retire: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    revive: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()


def decide(*, now: float, seen: Sequence[Seen], wanted: int) -> Decision:
    """Compare the workers there are with the `wanted` ones of the version in force.

    Starts and revivals fill up to `wanted`; those above it retire, the longest idle first and
    none with a call. Workers of another version retire once as many of this one are ready as are
    wanted. A retiring worker stops after a grace without a call.
    """
    retiring = [one for one in seen if one.state is State.RETIRING]
    revive = [one.id for one in retiring if one.current and _used(one)]
    stop = [
        one.id
        for one in retiring
        if one.active == 0
        and not (one.current and _used(one))
        and now - max(one.retired_at, one.busy_at) >= RETIRE_GRACE_S
    ]
    live = [one for one in seen if one.current and one.state in (State.STARTING, State.READY)]
    ready = [one for one in live if one.state is State.READY]
    old = [one.id for one in seen if not one.current and one.state is State.READY]
    idle = sorted((one for one in ready if one.active == 0), key=lambda one: one.busy_at)
    spare = max(0, len(live) - wanted)
    return Decision(
        start=max(0, wanted - len(live) - len(revive)),
        retire=tuple(one.id for one in idle[:spare]),
        replace=tuple(old) if len(ready) >= wanted else (),
        revive=tuple(revive),
        stop=tuple(stop),
    )


def given_up(*, failures: int, ready: int) -> bool:
    """Whether to want a function no longer, as its workers keep failing, until it is asked for."""
    return failures >= GIVE_UP_FAILURES and ready == 0


def _used(one: Seen) -> bool:
    return one.active > 0 or one.busy_at > one.retired_at
