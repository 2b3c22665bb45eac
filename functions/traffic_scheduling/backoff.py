"""How long to leave a failing peer alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Doubles from `first_s` up to `longest_s`, spread so that callers do not return in step."""

    first_s: float
    longest_s: float

    def delay_s(self, *, failures: int, spread: float, at_least_s: float = 0.0) -> float:
        """Return the seconds to wait after `failures` (>= 1) in a row.

        `spread` in [0, 1) is drawn by the caller: the wait is between half of the doubled time
        and all of it. `at_least_s` is what the peer asked for, and is kept.
        """
        # Beyond 2**30 the bound has long been reached; a larger exponent would only overflow.
        doubled_s = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return max(at_least_s, doubled_s * (0.5 + 0.5 * spread))
