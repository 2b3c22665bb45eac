"""A delay line: one direction of one connection, in order, bounded, on whichever path is active."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from zones.links.lane import Draws, Lane
from zones.links.loss_stalls import LEAST_TIMEOUT_S

NEVER = float("inf")


@dataclass(slots=True)
class Piece:
    """Bytes on their way; `end` closes the stream. Without a lane it waits for a path.

    TCP sends again what got lost when its timeout has passed: not before `again_at`.
    """

    data: bytes
    end: bool = False
    lane: Lane | None = None
    due: float = NEVER
    again_at: float = 0.0


@dataclass(slots=True)
class Room:
    """What all flows of a link may hold together, and what they do."""

    most_bytes: int
    held_bytes: int = 0


class Flow:
    """What one side has sent and the other does not have yet."""

    def __init__(
        self, *, draws: Draws, room: Room, window_bytes: int, round_trip_s: Callable[[], float]
    ) -> None:
        """`window_bytes` is what may be under way, as a receiver's window bounds it."""
        self._draws = draws
        self._room = room
        self._window_bytes = window_bytes
        self._round_trip_s = round_trip_s
        self._pieces: deque[Piece] = deque()
        self._lane: Lane | None = None
        self.held_bytes = 0

    @property
    def has_room(self) -> bool:
        """Whether the sender may go on; one that has nothing under way always may."""
        if self.held_bytes == 0:
            return True
        return (
            self.held_bytes < self._window_bytes and self._room.held_bytes < self._room.most_bytes
        )

    @property
    def waits(self) -> bool:
        """Whether something cannot go on for want of a path."""
        return any(piece.lane is None for piece in self._pieces)

    @property
    def next_at(self) -> float:
        """When the next piece arrives; infinity when none does."""
        return self._pieces[0].due if self._pieces else NEVER

    def enter(self, now: float, data: bytes) -> None:
        """Take bytes from the sender."""
        size = len(data) if self._lane is None else self._lane.piece_bytes
        for start in range(0, len(data), size or 1):
            self._take(Piece(data[start : start + size]), now)

    def enter_end(self, now: float) -> None:
        """Take the end of the stream from the sender."""
        self._take(Piece(b"", end=True), now)

    def take_due(self, now: float) -> list[Piece]:
        """Remove and return what has arrived by now, in the order of its sending."""
        due = []
        while self._pieces and self._pieces[0].due <= now:
            piece = self._pieces.popleft()
            self._hold_bytes(-len(piece.data))
            due.append(piece)
        return due

    def route(self, now: float, lane: Lane | None) -> None:
        """Go on over another lane, or over none; what waits is sent when TCP would send it."""
        self._lane = lane
        if lane is None:
            return
        for piece in self._pieces:
            if piece.lane is None:
                self._send(piece, now)

    def lose(self, now: float, failed: Lane) -> None:
        """Lose what is still on a lane that fails: it waits to be sent again."""
        lost = False
        for piece in self._pieces:
            if piece.lane is failed and piece.due > now:
                failed.carried.lost_bytes += len(piece.data)
                self._keep(piece, now)
                lost = True
        if lost and self._lane not in (None, failed):
            self.route(now, self._lane)

    def drop(self) -> None:
        """Forget everything, as when the connection breaks."""
        for piece in self._pieces:
            if piece.lane is not None:
                piece.lane.carried.lost_bytes += len(piece.data)
        self._pieces.clear()
        self._hold_bytes(-self.held_bytes)

    def _take(self, piece: Piece, now: float) -> None:
        self._pieces.append(piece)
        self._hold_bytes(len(piece.data))
        self._send(piece, now)

    def _send(self, piece: Piece, now: float) -> None:
        if self._lane is None:
            self._keep(piece, now)
            return
        piece.lane = self._lane
        piece.due = max(0.0, piece.again_at - now) + self._lane.carry(
            now, len(piece.data), draws=self._draws, round_trip_s=self._round_trip_s()
        )

    def _hold_bytes(self, more: int) -> None:
        self.held_bytes += more
        self._room.held_bytes += more

    def _keep(self, piece: Piece, now: float) -> None:
        piece.lane, piece.due = None, NEVER
        piece.again_at = now + self._round_trip_s() + LEAST_TIMEOUT_S
