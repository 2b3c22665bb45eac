"""Cycles that hold much memory are found, however few their objects are."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from functions.runtime.cycles import SHARE_OF_LIMIT, GrowthLook
from functions.runtime.memory import give_back, resident_bytes

LIMIT_MB = 128
STEP = (LIMIT_MB << 20) // SHARE_OF_LIMIT


class Cycle:
    def __init__(self, held: int) -> None:
        self.itself = self
        self.body = bytearray(held)
        for at in range(0, held, 4096):
            self.body[at] = 1


@pytest.fixture(autouse=True)
def _no_looks_of_its_own() -> Iterator[None]:
    gc.collect()
    # What other tests left free would be taken first, without any growth.
    give_back()
    gc.disable()
    yield
    gc.enable()


def test_a_worker_that_has_not_grown_is_not_looked_through() -> None:
    look = GrowthLook(memory_mb=LIMIT_MB)
    small = weakref.ref(Cycle(1 << 10))

    assert not look.look()
    assert small() is not None


def test_a_cycle_that_holds_much_is_found_and_its_memory_given_back() -> None:
    look = GrowthLook(memory_mb=LIMIT_MB)
    before = resident_bytes()
    large = weakref.ref(Cycle(STEP + (4 << 20)))

    assert look.look()
    assert large() is None
    assert resident_bytes() < before + STEP // 2


def test_garbage_does_not_pile_up_in_steps() -> None:
    look = GrowthLook(memory_mb=LIMIT_MB)
    before = resident_bytes()

    for _ in range(200):
        Cycle(1 << 20)
        look.look()

    assert resident_bytes() < before + 2 * STEP
