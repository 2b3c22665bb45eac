"""Cases of the rules that compare register reads with each other and with intervals."""

import numpy as np
import pytest

from functions.mdms.vee.backward_dial import BackwardDial
from functions.mdms.vee.multiplier_check import MultiplierCheck
from functions.mdms.vee.register_pairs import RegisterPairs, RegisterRule
from functions.mdms.vee.register_rollover import RegisterRollover
from functions.mdms.vee.rule_group import REGISTER_RULES
from functions.mdms.vee.sum_check import SumCheck
from functions.mdms.vee.unit_of_measure import UnitOfMeasure

DAY_S = 86_400


def pair(
    before: int, after: int, between_wh: int = 0, *, multiplier: int = 1, complete: bool = True
) -> RegisterPairs:
    """Reads of a day apart, of a register of five digits."""
    one = {"before": before, "after": after, "seconds": DAY_S, "end": 100_000}
    one |= {"multiplier": multiplier, "between_wh": between_wh}
    columns = {name: np.array([value], dtype=np.int64) for name, value in one.items()}
    return RegisterPairs(complete=np.array([complete]), **columns)


def fails(rule: RegisterRule, pairs: RegisterPairs) -> bool:
    return bool(rule.fails(pairs)[0])


@pytest.mark.parametrize(
    ("before", "after", "backward", "rolled"),
    [
        pytest.param(100, 9_100, False, False, id="it_goes_on"),
        pytest.param(100, 100, False, False, id="it_stands"),
        pytest.param(99_900, 300, False, True, id="past_its_end"),
        pytest.param(9_100, 9_000, True, False, id="a_little_back"),
    ],
)
def test_a_register_that_shows_less(before: int, after: int, backward: bool, rolled: bool) -> None:
    pairs = pair(before, after)

    assert fails(BackwardDial(high_w=2_000), pairs) is backward
    assert fails(RegisterRollover(high_w=2_000), pairs) is rolled


@pytest.mark.parametrize(
    ("pairs", "failing"),
    [
        pytest.param(pair(0, 10_000, 10_000), False, id="they_agree"),
        pytest.param(pair(0, 10_000, 10_150), False, id="within_two_percent"),
        pytest.param(pair(0, 10_000, 10_300), True, id="beyond"),
        pytest.param(pair(0, 100, 190), False, id="small_sums_may_differ"),
        pytest.param(pair(0, 10_000, 0, complete=False), False, id="an_interval_is_missing"),
        pytest.param(pair(99_000, 1_000, 2_000), False, id="over_a_roll_over"),
        pytest.param(pair(0, 100, 8_000, multiplier=80), False, id="with_the_multiplier"),
    ],
)
def test_sums(pairs: RegisterPairs, failing: bool) -> None:
    assert fails(SumCheck(), pairs) is failing


def test_a_unit_is_a_factor_of_a_thousand_either_way() -> None:
    assert fails(UnitOfMeasure(), pair(0, 12, 12_000))
    assert fails(UnitOfMeasure(), pair(0, 12_000, 12))
    assert not fails(UnitOfMeasure(), pair(0, 12_000, 12_000))
    assert not fails(UnitOfMeasure(), pair(0, 0, 0))
    assert not fails(UnitOfMeasure(), pair(0, 12, 12_000, complete=False))


def test_a_multiplier_left_out_or_applied_twice() -> None:
    assert fails(MultiplierCheck(), pair(0, 1_000, 1_000, multiplier=80))
    assert fails(MultiplierCheck(), pair(0, 10, 64_000, multiplier=80))
    assert not fails(MultiplierCheck(), pair(0, 1_000, 80_000, multiplier=80))
    assert not fails(MultiplierCheck(), pair(0, 1_000, 1_000))


def test_rules_of_no_pairs_find_nothing() -> None:
    none = np.zeros(0, dtype=np.int64)
    pairs = RegisterPairs(
        before=none,
        after=none,
        seconds=none,
        end=none,
        multiplier=none,
        between_wh=none,
        complete=none.astype(np.bool_),
    )
    for rule in REGISTER_RULES.values():
        assert rule().fails(pairs).shape == (0,)
