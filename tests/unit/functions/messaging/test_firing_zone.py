"""Which zones fire a schedule."""

import pytest

from functions.messaging.firing_zone import fires_here


@pytest.mark.parametrize(
    ("function_tiers", "tenant_tiers", "fire"),
    [
        pytest.param([1, 2, 3], [1, 2, 3], {1}, id="headquarters_before_all"),
        pytest.param([2, 3], [1, 2, 3], {2}, id="the_fog_where_the_function_has_no_place_above"),
        pytest.param([1, 2, 3], [2, 3], {2}, id="a_tenant_without_headquarters"),
        pytest.param([3], [1, 2, 3], {3}, id="every_edge_for_itself"),
        pytest.param([1], [2, 3], set(), id="nowhere_in_common"),
        pytest.param([2, 3], None, {2}, id="zones_not_known_are_taken_for_all"),
    ],
)
def test_fires(function_tiers: list[int], tenant_tiers: list[int] | None, fire: set[int]) -> None:
    found = {
        tier
        for tier in (1, 2, 3)
        if fires_here(tier=tier, function_tiers=function_tiers, tenant_tiers=tenant_tiers)
    }

    assert found == fire
