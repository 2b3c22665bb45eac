"""Shares of the link: between tenants by weight, between classes by strictness."""

from hypothesis import given
from hypothesis import strategies as st

from functions.traffic_scheduling.fair_turns import FairTurns
from functions.traffic_scheduling.rank_turns import RankTurns

MOST = 1_000
WEIGHTS = st.dictionaries(
    st.sampled_from(["acme", "bolt", "coil", "dyne"]),
    st.floats(min_value=0.1, max_value=10),
    min_size=2,
)
SIZES = st.lists(st.integers(min_value=1, max_value=MOST), min_size=1, max_size=200)


@given(weights=WEIGHTS, sizes=SIZES)
def test_tenants_that_always_wait_share_by_weight(
    weights: dict[str, float], sizes: list[int]
) -> None:
    turns = FairTurns()
    had = dict.fromkeys(weights, 0.0)
    for size in sizes:
        tenant = turns.next(weights)
        turns.charge(tenant, size=size, weight=weights[tenant])
        had[tenant] += size / weights[tenant]

    for one in weights:
        for other in weights:
            bound = MOST / weights[one] + MOST / weights[other]
            assert abs(had[one] - had[other]) <= bound + 1e-6


@given(sizes=SIZES)
def test_who_comes_late_has_no_claim_on_the_past(sizes: list[int]) -> None:
    turns = FairTurns()
    for size in sizes:
        turns.charge(turns.next({"acme": 1.0}), size=size, weight=1.0)
    order = []
    for _ in range(10):
        tenant = turns.next({"acme": 1.0, "bolt": 1.0})
        turns.charge(tenant, size=MOST, weight=1.0)
        order.append(tenant)

    assert abs(order.count("bolt") - 5) <= 1


def test_a_tenant_that_left_leaves_nothing_behind() -> None:
    turns = FairTurns()
    for number in range(1_000):
        turns.charge(turns.next({f"tenant-{number}": 1.0}), size=10, weight=1.0)

    assert turns.next({"zinc": 1.0, "acme": 1.0}) == "acme"


def ranks(*, share: float = 0.1) -> RankTurns:
    return RankTurns(urgent=2, share=share, most_credit=MOST)


def test_the_strictest_goes_first() -> None:
    assert ranks().next({4, 2, 3}) == 2


def test_urgent_ranks_go_before_what_is_owed() -> None:
    turns = ranks()
    turns.charge(2, size=MOST, waiting={2, 3})

    assert turns.next({1, 2, 3}) == 1
    assert turns.next({2, 3}) == 3


def test_a_lax_rank_keeps_a_share() -> None:
    turns = ranks(share=0.1)
    waiting = {2, 3}
    had = {2: 0, 3: 0}
    for _ in range(1_100):
        rank = turns.next(waiting)
        turns.charge(rank, size=100, waiting=waiting)
        had[rank] += 1

    assert had[3] in range(95, 106)


def test_who_does_not_wait_saves_nothing_up() -> None:
    turns = ranks()
    for _ in range(50):
        turns.charge(2, size=MOST, waiting={2})
    turns.charge(2, size=MOST, waiting={2, 3})
    order = []
    for _ in range(3):
        rank = turns.next({2, 3})
        turns.charge(rank, size=MOST, waiting={2, 3})
        order.append(rank)

    assert order == [3, 2, 2]


@given(
    served=st.lists(
        st.tuples(
            st.sets(st.integers(min_value=0, max_value=5), min_size=1),
            st.integers(min_value=1, max_value=MOST),
        ),
        max_size=300,
    )
)
def test_nothing_that_waits_starves(served: list[tuple[set[int], int]]) -> None:
    turns = ranks(share=0.1)
    stricter = 0
    for others, size in served:
        waiting = others | {5}
        rank = turns.next(waiting)
        turns.charge(rank, size=size, waiting=waiting)
        # Only what is not urgent can make way.
        stricter = 0 if rank == 5 or min(waiting) < 2 else stricter + size
        assert stricter <= 5 * (MOST / 0.1 + 2 * MOST)
