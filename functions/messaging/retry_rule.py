"""What becomes of a call after a try: done, failed for good, or tried again, and when."""

from dataclasses import dataclass
from typing import Final

from storage.hot.queues.record import Retrying

TOO_MANY: Final = 429
_AGAIN: Final = frozenset({408, 425})
_FIRST_BAD: Final = 400
_FIRST_SERVER_ERROR: Final = 500
LONGEST_ASKED_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The call has ended; `good` tells a result from a failure."""

    good: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """After `delay_s`; `counted` when the function may have been at work."""

    delay_s: float
    counted: bool
    reason: str


Verdict = Ended | TryAgain


def after_answer(
    *,
    status: int,
    retry_after_s: float | None,
    zone_unready: bool,
    attempts: int,
    retrying: Retrying,
    spread: float,
) -> Verdict:
    """Judge an answer of `status`; `attempts` counted before this one.

    Answers below 400 are results. 429 says that a limit is reached: the call waits as long as it
    asks, and the try does not count; nor does one that `zone_unready` tells never left the zone's
    gateway. 5xx, 408 and 425 are tried again, up to `retrying.tries` in all; every other answer is
    final. `spread` in [0, 1) is drawn by the caller.
    """
    if status < _FIRST_BAD:
        return Ended(good=True)
    reason = f"the function answered {status}"
    if status == TOO_MANY:
        asked_s = 1.0 if retry_after_s is None else min(retry_after_s, LONGEST_ASKED_S)
        # Spread over half a second: those that were turned away together do not return together.
        return TryAgain(asked_s + 0.5 * spread, False, "a limit is reached (429)")
    if zone_unready:
        return TryAgain(1.0 + spread, False, f"the zone is not ready ({status})")
    if status < _FIRST_SERVER_ERROR and status not in _AGAIN:
        return Ended(good=False, reason=reason)
    return _counted(reason, attempts, retrying, spread, at_least_s=retry_after_s or 0.0)


def after_failure(
    *, reason: str, sent: bool, attempts: int, retrying: Retrying, spread: float
) -> Verdict:
    """Judge a call that got no answer; unless it was `sent`, the try does not count."""
    if not sent:
        return TryAgain(0.5 + spread, False, reason)
    return _counted(reason, attempts, retrying, spread)


def backoff_s(*, failures: int, first_s: float, longest_s: float, spread: float) -> float:
    """Return the seconds after `failures` (>= 1) in a row: doubled, and between half and all."""
    doubled_s = min(longest_s, first_s * 2.0 ** min(failures - 1, 30))
    return doubled_s * (0.5 + 0.5 * spread)


def _counted(
    reason: str, attempts: int, retrying: Retrying, spread: float, *, at_least_s: float = 0.0
) -> Verdict:
    if attempts + 1 >= retrying.tries:
        return Ended(good=False, reason=reason)
    delay_s = backoff_s(
        failures=attempts + 1,
        first_s=retrying.backoff_s,
        longest_s=retrying.max_backoff_s,
        spread=spread,
    )
    return TryAgain(max(delay_s, min(at_least_s, LONGEST_ASKED_S)), True, reason)
