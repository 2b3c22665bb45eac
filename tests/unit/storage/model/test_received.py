"""What came of an edge, in any order and more than once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.model.received import MAX_AHEAD, Received, TooManyGaps

SEQUENCES = st.lists(
    st.integers(min_value=1, max_value=10**6), min_size=1, max_size=40, unique=True
).map(sorted)


def chained(sequences: list[int]) -> list[tuple[int, int]]:
    """Each sequence with the one before it."""
    return list(zip(sequences, [0, *sequences], strict=False))


def taken(received: Received, *entries: tuple[int, int | None]) -> Received:
    for sequence, after in entries:
        received = received.with_entry(sequence, after=after)
    return received


@given(sequences=SEQUENCES, data=st.data())
def test_every_entry_is_known_once_it_came_and_none_before(
    sequences: list[int], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(chained(sequences)))
    came: set[int] = set()
    received = Received()
    for sequence, after in order:
        assert [received.has(one) for one in sequences] == [one in came for one in sequences]
        received = received.with_entry(sequence, after=after)
        came.add(sequence)

    assert received == Received(sequences[-1])


@given(sequences=SEQUENCES, data=st.data())
def test_a_repeat_changes_nothing(sequences: list[int], data: st.DataObject) -> None:
    some = data.draw(st.lists(st.sampled_from(chained(sequences)), max_size=20))
    received = taken(Received(), *some)

    assert taken(received, *some) == received
    assert list(received.ahead) == sorted(received.ahead)


@given(sequences=SEQUENCES, old=SEQUENCES, data=st.data())
def test_entries_that_do_not_say_after_which_come_in_order(
    sequences: list[int], old: list[int], data: st.DataObject
) -> None:
    newer = [old[-1] + sequence for sequence in sequences]
    said = list(zip(newer, [old[-1], *newer], strict=False))
    silent = [(sequence, None) for sequence in old]
    # The older ones in order, the newer ones anywhere between them.
    places = data.draw(st.permutations([True] * len(silent) + [False] * len(said)))
    newest = iter(data.draw(st.permutations(said)))
    oldest = iter(silent)
    order = [next(oldest) if is_old else next(newest) for is_old in places]
    came: set[int] = set()
    received = Received()
    for sequence, after in order:
        assert not received.has(sequence)
        received = received.with_entry(sequence, after=after)
        came.add(sequence)
        assert all(received.has(one) for one in came)

    assert received == Received(newer[-1])


def test_gaps_are_bounded_and_can_still_be_filled() -> None:
    apart = [(10 * at, 10 * at - 1) for at in range(1, MAX_AHEAD + 1)]
    received = taken(Received(), *apart)

    with pytest.raises(TooManyGaps):
        received.with_entry(10 * MAX_AHEAD + 100, after=10 * MAX_AHEAD + 99)

    filled = taken(received, (9, 0), (20, 19), (19, 10))
    assert filled.through == 20
    assert len(filled.ahead) == MAX_AHEAD - 2
