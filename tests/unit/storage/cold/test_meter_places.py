"""Places of meters are those of their names, whatever order the names came in before."""

from hypothesis import given
from hypothesis import strategies as st

from storage.cold.meter_places import NOT_WANTED, MeterPlaces

NAMES = ["A", "B", "C-1", "C-2", "C-3", "D-100", "D-200", "ä", "other", "X"]
WANTED = NAMES[:-2]
orders = st.lists(
    st.tuples(st.integers(0, 1), st.lists(st.sampled_from(NAMES), min_size=1, max_size=8)),
    min_size=1,
    max_size=6,
)


@given(orders)
def test_places_are_those_of_the_names(given_orders: list[tuple[int, list[str]]]) -> None:
    places = MeterPlaces(WANTED)

    for group, names in given_orders:
        found = places.places("\0".join(names).encode(), group=group)

        expected = [WANTED.index(name) if name in WANTED else NOT_WANTED for name in names]
        assert found.tolist() == expected


def test_names_that_change_places() -> None:
    places = MeterPlaces(WANTED)
    before = places.places(b"C-1\0C-2\0C-3", group=0)
    after = places.places(b"C-1\0C-3\0C-2", group=0)

    assert before.tolist() == [2, 3, 4]
    assert after.tolist() == [2, 4, 3]
    assert places.places(b"C-1\0C-3\0C-2", group=0).tolist() == [2, 4, 3]
