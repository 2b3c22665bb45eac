"""Rate limits of tenants and keys, as the record keeps them."""

import math


class InvalidLimit(ValueError):
    """The number is no rate limit."""

    def __init__(self, calls_per_s: float) -> None:
        super().__init__(f"{calls_per_s:g} is no rate limit: calls a second, above 0")


def check_limit(calls_per_s: float | None) -> None:
    """Let None (no limit of its own) and positive numbers of calls a second pass.

    Raises:
        InvalidLimit: another number.
    """
    if calls_per_s is not None and not (calls_per_s > 0 and math.isfinite(calls_per_s)):
        raise InvalidLimit(calls_per_s)
