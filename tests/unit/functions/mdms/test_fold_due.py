"""When headquarters folds its tail."""

import pytest

from functions.mdms.fold_due import FoldDue
from storage.ports import TailState

TODAY = 20_000
DUE = FoldDue(after_s=600.0, quiet_s=5.0, after_readings=50_000, after_entries=2_000)


@pytest.mark.parametrize(
    ("tail", "due"),
    [
        pytest.param(TailState(0, 0, 0.0, 0.0, 0), False, id="empty"),
        pytest.param(TailState(3, 9, 60.0, 5.0, TODAY - 1), True, id="a_closed_day_gone_quiet"),
        pytest.param(
            TailState(3, 9, 60.0, 4.9, TODAY - 1), False, id="a_closed_day_still_arriving"
        ),
        pytest.param(TailState(3, 9, 599.0, 30.0, TODAY), False, id="todays_intervals_wait"),
        pytest.param(
            TailState(3, 9, 600.0, 1.0, TODAY), True, id="todays_oldest_waited_long_enough"
        ),
        pytest.param(TailState(1_999, 49_999, 9.0, 0.0, TODAY), False, id="not_quite_enough"),
        pytest.param(TailState(2_000, 9, 9.0, 0.0, TODAY), True, id="enough_entries"),
        pytest.param(TailState(3, 50_000, 9.0, 0.0, TODAY), True, id="enough_readings"),
    ],
)
def test_due(tail: TailState, due: bool) -> None:
    assert DUE.of(tail, today=TODAY) is due
