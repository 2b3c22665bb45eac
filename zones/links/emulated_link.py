"""A link as a model: its paths, the one in use, every connection's flows; no clock, no socket."""

from collections.abc import Mapping
from dataclasses import dataclass

from zones.links.flow import Flow, Room
from zones.links.lane import Draws, Lane
from zones.links.medium import DIRECTIONS, Direction, Line
from zones.links.path_choice import PathChoice
from zones.links.plan import LinkPlan

WINDOW_BYTES = 256 * 1024
ROOM_BYTES = 64 * 1024 * 1024


class UnknownPath(Exception):
    """The link has no path of that name."""


@dataclass(frozen=True, slots=True)
class Flows:
    """Both directions of one connection."""

    number: int
    up: Flow
    down: Flow

    def towards(self, direction: Direction) -> Flow:
        """Return the flow of a direction."""
        return self.up if direction == "up" else self.down

    def drop(self) -> None:
        """Forget what is under way."""
        self.up.drop()
        self.down.drop()


class EmulatedLink:
    """Every instant is given by the caller, in seconds, and never goes back."""

    def __init__(
        self,
        plan: LinkPlan,
        *,
        seed: int,
        window_bytes: int = WINDOW_BYTES,
        room_bytes: int = ROOM_BYTES,
    ) -> None:
        self.name = plan.name
        self._seed = seed
        self._window_bytes = window_bytes
        self._room = Room(room_bytes)
        self._lanes: dict[str, dict[Direction, Lane]] = {
            path.name: {direction: Lane(path.line(direction)) for direction in DIRECTIONS}
            for path in plan.paths
        }
        self.choice = PathChoice(
            list(self._lanes),
            failover_s=plan.failover.after_ms / 1e3,
            failback_s=plan.failover.back_after_s,
        )
        self._routed = self.choice.active
        self._flows: dict[int, Flows] = {}
        self.connections = 0
        """How many were opened so far."""

    @property
    def lanes(self) -> Mapping[str, Mapping[Direction, Lane]]:
        """The two directions of each path."""
        return self._lanes

    @property
    def held_bytes(self) -> dict[Direction, int]:
        """Bytes under way, or waiting for a path."""
        return {
            direction: sum(flows.towards(direction).held_bytes for flows in self._flows.values())
            for direction in DIRECTIONS
        }

    def round_trip_s(self) -> float:
        """Delay there and back over the path in use; 0 when there is none."""
        path = self.choice.active
        return 0.0 if path is None else sum(lane.delay_s for lane in self._lanes[path].values())

    def connect(self) -> Flows:
        """Begin a connection; each has random sources of its own, by its number."""
        flows = Flows(number=self.connections, up=self._flow("up"), down=self._flow("down"))
        self.connections += 1
        self._flows[flows.number] = flows
        return flows

    def disconnect(self, flows: Flows) -> None:
        """End a connection and lose what it had under way."""
        flows.drop()
        self._flows.pop(flows.number, None)

    def fail(self, path: str, now: float) -> None:
        """Let a path fail, with what is on it.

        Raises:
            UnknownPath: the link has none of that name.
        """
        self.advance(now)
        lanes = self._of(path)
        worked = self.choice.works(path)
        self.choice.fail(path, now)
        self._route(now)
        if worked:
            for flows in self._flows.values():
                for direction, lane in lanes.items():
                    flows.towards(direction).lose(now, lane)

    def restore(self, path: str, now: float) -> None:
        """Let a path work again.

        Raises:
            UnknownPath: the link has none of that name.
        """
        self.advance(now)
        self._of(path)
        self.choice.restore(path, now)
        self._route(now)

    def change(self, path: str, direction: Direction, line: Line) -> None:
        """Give one direction of a path other figures.

        Raises:
            UnknownPath: the link has none of that name.
        """
        self._of(path)[direction].change(line)

    def advance(self, now: float) -> None:
        """Make the change of path that is due, if one is."""
        self.choice.advance(now)
        self._route(now)

    def _route(self, now: float) -> None:
        active = self.choice.active
        if active == self._routed:
            return
        self._routed = active
        for flows in self._flows.values():
            for direction in DIRECTIONS:
                lane = None if active is None else self._lanes[active][direction]
                flows.towards(direction).route(now, lane)

    def _flow(self, direction: Direction) -> Flow:
        seed = f"{self._seed}/{self.name}/{direction}/{self.connections}"
        flow = Flow(
            draws=Draws(seed),
            room=self._room,
            window_bytes=self._window_bytes,
            round_trip_s=self.round_trip_s,
        )
        if self._routed is not None:
            flow.route(0.0, self._lanes[self._routed][direction])
        return flow

    def _of(self, path: str) -> dict[Direction, Lane]:
        try:
            return self._lanes[path]
        except KeyError:
            raise UnknownPath(path) from None
