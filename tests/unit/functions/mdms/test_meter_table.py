"""A registry as columns: what changes leave is what reading it anew would give."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.mdms.meter_table import MeterTable
from tests.unit.functions.mdms.drawn_meters import NAMES, drawn


@settings(deadline=None)
@given(
    first=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 11)), max_size=10),
    changes=st.lists(
        st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 11)), max_size=6), max_size=4
    ),
)
def test_a_table_that_followed_changes_is_as_one_read_anew(
    first: list[tuple[str, int]], changes: list[list[tuple[str, int]]]
) -> None:
    registered = {name: drawn(name, version=1, kind=kind) for name, kind in first}
    table = MeterTable(registered.values(), version=1)
    before = table
    then = {name: before.get(name) for name in NAMES}
    for version, some in enumerate(changes, start=2):
        changed = {name: drawn(name, version=version, kind=kind) for name, kind in some}
        registered |= changed
        table = table.with_changes(changed.values(), version=version)
    anew = MeterTable(registered.values(), version=1 + len(changes))

    assert (table.position, table.all()) == (anew.position, anew.all())
    assert {name: before.get(name) for name in NAMES} == then
    mine, other = table.locate(NAMES), anew.locate(NAMES)
    assert ((mine >= 0) == (other >= 0)).all()
    start_s = np.zeros(len(NAMES), dtype=np.int64)
    assert table.register_end(mine).tolist() == anew.register_end(other).tolist()
    assert _lengths(table, start_s) == _lengths(anew, start_s)
    for register in ("1-0:1.8.0", "1-0:2.8.0"):
        held, wanted = (
            one.has_register(position=at, registers=[register], register=start_s)
            for one, at in ((table, mine), (anew, other))
        )
        assert held.tolist() == wanted.tolist()


def _lengths(table: MeterTable, start_s: np.ndarray[tuple[int], np.dtype[np.int64]]) -> object:
    length_s, until_s = table.lengths(position=table.locate(NAMES), start_s=start_s)
    return length_s.tolist(), None if until_s is None else until_s.tolist()
