"""Which zones fire a function's schedules, so that one instant is one call and not one a zone."""

from collections.abc import Collection


def fires_here(
    *, tier: int, function_tiers: Collection[int], tenant_tiers: Collection[int] | None
) -> bool:
    """Return whether a zone of `tier` fires the schedules of a function.

    Of the tiers that the function names and in which its tenant has a zone (`tenant_tiers`; None:
    not known, taken for all), the one nearest headquarters fires. Below headquarters that may be
    several zones: each fires for itself, on the readings that only it has.
    """
    possible = set(function_tiers)
    if tenant_tiers is not None:
        possible &= set(tenant_tiers)
    return bool(possible) and tier == min(possible)
