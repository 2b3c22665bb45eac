"""How long to wait before trying again."""

FIRST_S = 0.2
CAP_S = 10.0


def backoff_s(*, failures: int, jitter: float, cap_s: float = CAP_S) -> float:
    """Return the pause in seconds after `failures` failures in a row (1 or more).

    Doubles up to `cap_s`; `jitter` in [0, 1) takes off up to half, so that zones that lost the
    same parent do not come back at once.
    """
    full: float = min(cap_s, FIRST_S * 2.0 ** min(failures - 1, 16))
    return full * (1.0 - jitter / 2.0)
