"""What an answer means for the sender: done, refused for good, or try again and when."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

RETRIED = frozenset({429, 502, 503, 504})


class Verdict(Enum):
    """`REFUSED` bodies are never sent again."""

    ANSWERED = "answered"
    REFUSED = "refused"
    RETRY = "retry"


def judge(status: int) -> Verdict:
    """Return what an HTTP status means for the body it answers."""
    if 200 <= status < 300:
        return Verdict.ANSWERED
    return Verdict.RETRY if status in RETRIED else Verdict.REFUSED


def retry_after_s(header: bytes | None, *, now: datetime | None = None) -> float:
    """Return the seconds a Retry-After header asks for (RFC 9110, 10.2.3); 0 if none or unclear.

    `now` is the aware instant an HTTP date is measured from, the current one by default.
    """
    if not header:
        return 0.0
    text = header.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """Exponential back-off with jitter: between half and all of `first_s` doubled each time."""

    first_s: float = 0.1
    longest_s: float = 5.0

    def wait_s(self, *, attempts: int, asked_s: float, random: random.Random) -> float:
        """Return how long to wait after `attempts` tries; never less than the server asked."""
        ceiling = min(self.longest_s, self.first_s * 2.0 ** min(attempts - 1, 30))
        return asked_s + ceiling * random.uniform(0.5, 1.0)
