"""Times to look for gaps in: due when nothing comes any more, and after long all the same."""

from functions.mdms.vee.gap_looks import (
    LONGEST_WAIT,
    GapLooks,
    SeriesName,
    Span,
    read_series,
    read_span,
)

ONE = SeriesName("M/1", "1-0:1.8.0", 900)
OTHER = SeriesName("M2", "1-0:2.8.0", 3_600)


def note(looks: GapLooks, name: SeriesName, span: Span) -> None:
    looks.settled(done=(), held=looks.with_noted({name: span}))


def test_names_and_spans_are_read_back() -> None:
    for name in (ONE, OTHER):
        assert read_series(name.text) == name
    assert read_span(Span(3, 12_345_678).record) == Span(3, 12_345_678)


def test_a_series_is_due_when_a_sweep_has_passed_without_it() -> None:
    looks = GapLooks()
    note(looks, ONE, Span(10, 12))
    looks.sweep_begins()
    assert looks.due(most=10) == {}
    note(looks, OTHER, Span(1, 2))
    looks.sweep_begins()
    assert looks.due(most=10) == {ONE: Span(10, 12)}
    looks.settled(done=[ONE], held={})
    looks.sweep_begins()
    assert looks.due(most=10) == {OTHER: Span(1, 2)}


def test_what_goes_on_is_looked_at_after_long_with_all_that_was_noted() -> None:
    looks = GapLooks()
    for number in range(LONGEST_WAIT):
        note(looks, ONE, Span(100 - number, 100 + number))
        looks.sweep_begins()
        assert looks.due(most=10) == {}
    note(looks, ONE, Span(50, 50))
    looks.sweep_begins()
    assert looks.due(most=10) == {ONE: Span(50, 99 + LONGEST_WAIT)}


def test_no_more_are_due_than_a_turn_takes() -> None:
    looks = GapLooks((f"900:r/M{number}", b"1 2") for number in range(5))
    looks.sweep_begins()
    looks.sweep_begins()
    first = looks.due(most=3)
    assert len(first) == 3
    looks.settled(done=first, held={})
    assert len(looks.due(most=3)) == 2
