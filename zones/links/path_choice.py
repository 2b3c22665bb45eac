"""Which path of a link is in use: the first that works, with the time that a change takes."""

from collections.abc import Sequence


class PathChoice:
    """Paths by preference; instants are the caller's, in seconds.

    A path that fails carries nothing from that moment on. Another takes over `failover_s` later.
    A better one that has come back is used again when it has worked for `failback_s`.
    """

    def __init__(self, paths: Sequence[str], *, failover_s: float, failback_s: float) -> None:
        self._working = dict.fromkeys(paths, True)
        self._failover_s = failover_s
        self._failback_s = failback_s
        self._active: str | None = paths[0]
        self._pending: tuple[str, float] | None = None
        self._none_since: float | None = None
        self._outage_s = 0.0
        self.changes = dict.fromkeys(paths, 0)
        """How often each path took over."""
        self.last_gap_s = 0.0
        """How long no path was in use before the last one took over."""

    @property
    def active(self) -> str | None:
        """The path in use as of the last `advance`."""
        return self._active

    @property
    def next_change(self) -> float | None:
        """When `advance` would change something if nothing else happens."""
        return None if self._pending is None else self._pending[1]

    def works(self, path: str) -> bool:
        """Tell whether the path itself works, in use or not."""
        return self._working[path]

    def outage_s(self, now: float) -> float:
        """Seconds without a path in use so far."""
        return self._outage_s + (0.0 if self._none_since is None else now - self._none_since)

    def fail(self, path: str, now: float) -> None:
        """Let a path fail; a second time changes nothing."""
        self.advance(now)
        self._working[path] = False
        if self._active == path:
            self._active, self._none_since = None, now
        self._decide(now)

    def restore(self, path: str, now: float) -> None:
        """Let a path work again."""
        self.advance(now)
        self._working[path] = True
        self._decide(now)

    def advance(self, now: float) -> None:
        """Make the change that is due, if one is."""
        if self._pending is None or self._pending[1] > now:
            return
        path, at = self._pending
        self._pending, self._active = None, path
        self.changes[path] += 1
        self.last_gap_s = 0.0
        if self._none_since is not None:
            self.last_gap_s = at - self._none_since
            self._outage_s += self.last_gap_s
            self._none_since = None

    def _decide(self, now: float) -> None:
        best = next((path for path, works in self._working.items() if works), None)
        if best is None or best == self._active:
            self._pending = None
            return
        if self._pending is None or self._pending[0] != best:
            wait_s = self._failover_s if self._active is None else self._failback_s
            self._pending = (best, now + wait_s)
        self.advance(now)
