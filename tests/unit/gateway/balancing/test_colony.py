"""The colony's rules, for any loads."""

import random

from hypothesis import given
from hypothesis import strategies as st

from gateway.balancing.colony import Source, spread, swarm

SOURCES = st.lists(
    st.builds(
        Source,
        load=st.integers(0, 20),
        room=st.integers(0, 20),
        service_s=st.floats(0.001, 2.0),
    ),
    min_size=1,
    max_size=8,
)


@given(sources=SOURCES, bees=st.integers(0, 40), scouts=st.integers(1, 4), seed=st.integers())
def test_every_bee_finds_room_and_none_is_lost(
    sources: list[Source], bees: int, scouts: int, seed: int
) -> None:
    shared = swarm(
        sources=sources, bees=bees, scouts=scouts, threshold=0.1, chance=random.Random(seed)
    )

    assert sum(shared) == min(bees, sum(one.room for one in sources))
    assert all(0 <= count <= one.room for count, one in zip(shared, sources, strict=True))


@given(sources=SOURCES, bees=st.integers(0, 40), seed=st.integers())
def test_foragers_never_make_the_last_finish_later(
    sources: list[Source], bees: int, seed: int
) -> None:
    resting, moved = (
        swarm(
            sources=sources,
            bees=bees,
            scouts=1,
            threshold=threshold,
            chance=random.Random(seed),
        )
        for threshold in (float("inf"), 0.0)
    )

    def last(shared: list[int]) -> float:
        return max(one.finish_s(count) for one, count in zip(sources, shared, strict=True))

    assert last(moved) <= last(resting)


def test_foragers_even_out_what_a_careless_scout_did() -> None:
    sources = [Source(load=0, room=100, service_s=0.01) for _ in range(4)]

    careless = swarm(
        sources=sources, bees=40, scouts=1, threshold=float("inf"), chance=random.Random(1)
    )
    evened = swarm(sources=sources, bees=40, scouts=1, threshold=0.0, chance=random.Random(1))

    assert spread(sources, careless) > 0.1
    assert evened == [10, 10, 10, 10]


def test_foragers_rest_within_the_threshold() -> None:
    sources = [Source(load=0, room=100, service_s=0.01) for _ in range(2)]

    shared = swarm(sources=sources, bees=41, scouts=1, threshold=0.2, chance=random.Random(3))

    assert spread(sources, shared) <= 0.2


def test_a_slow_source_gets_less() -> None:
    sources = [
        Source(load=0, room=100, service_s=0.01),
        Source(load=0, room=100, service_s=0.03),
    ]

    assert swarm(sources=sources, bees=40, scouts=2, threshold=0.0, chance=random.Random(1)) == [
        30,
        10,
    ]
