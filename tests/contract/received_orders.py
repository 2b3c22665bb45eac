"""Entries of one edge that say which one they come after, and orders in which they may come."""

from collections.abc import Iterator

from hypothesis import strategies as st

from storage.model.uplink import UplinkEntry
from tests.contract.hot_readings import DAY, Run, batch_of

EDGE = "zone-4"


def chain(count: int, *, edge: str = EDGE, day: int = DAY) -> list[UplinkEntry]:
    """Entries of a slot each, each after the one before."""
    return [
        UplinkEntry(
            edge,
            10 * number,
            b"",
            batch_of(Run(values=[number], slot=number % 96, day=day + number // 96)).encode(),
            10 * (number - 1),
        )
        for number in range(1, count + 1)
    ]


def by_sequence(entry: UplinkEntry) -> int:
    """Key to put entries of one edge in the order in which it made them."""
    return entry.sequence


def posts(order: list[int], entries: list[UplinkEntry], size: int) -> Iterator[list[UplinkEntry]]:
    """Posts of `size` entries in that order."""
    for begin in range(0, len(order), size):
        yield [entries[at] for at in order[begin : begin + size]]


def orders(count: int) -> st.SearchStrategy[list[int]]:
    """Every entry at least once, in any order, some again."""
    again = st.lists(st.integers(min_value=0, max_value=count - 1), max_size=count)
    return again.flatmap(lambda more: st.permutations([*range(count), *more]))
