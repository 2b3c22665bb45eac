"""A step takes what its slots have room for, as the steps before it showed."""

from functions.mdms.fold_step_size import FIRST_READINGS, FoldStepSize
from storage.ports import FoldStep


def size() -> FoldStepSize:
    return FoldStepSize(most_entries=1_000, most_readings=1_000_000, most_slots=96_000)


def test_a_tail_with_a_block_for_each_reading_is_taken_by_as_many_blocks() -> None:
    found = size()

    found.ended(FoldStep(entries=0, blocks=1_000, readings=1_000, slots=96_000))

    assert found.readings == 1_000


def test_a_tail_that_fills_few_blocks_is_taken_whole() -> None:
    found = size()

    found.ended(FoldStep(entries=9, blocks=10, readings=960, slots=960))
    some = found.readings
    found.ended(FoldStep(entries=9, blocks=10, readings=960_000, slots=960))

    assert (some, found.readings) == (96_000, 1_000_000)


def test_a_step_that_took_too_long_is_halved_and_one_that_ends_doubles_its_slots() -> None:
    found = size()

    found.took_too_long()
    found.took_too_long()
    halved = (found.entries, found.readings, found.slots)
    found.ended(FoldStep(entries=1, blocks=250, readings=250, slots=24_000))

    assert halved == (250, FIRST_READINGS // 4, 24_000)
    assert (found.entries, found.readings, found.slots) == (500, 500, 48_000)


def test_never_less_than_one() -> None:
    found = FoldStepSize(most_entries=1, most_readings=10, most_slots=1)

    for _ in range(40):
        found.took_too_long()
    found.ended(FoldStep(entries=0, blocks=1, readings=1, slots=96))

    assert (found.entries, found.readings, found.slots) == (1, 1, 1)


def test_a_step_of_an_empty_tail_teaches_nothing() -> None:
    found = size()

    found.ended(FoldStep(entries=0, blocks=0))

    assert found.readings == FIRST_READINGS
