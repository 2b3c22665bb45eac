"""Each technical rule on cases that a metering engineer can read aloud."""

import numpy as np
import pytest

from functions.mdms.interval_size import over_the_change, wrong_interval_size
from functions.mdms.meter_table import MeterTable
from functions.mdms.negative_consumption import counts_one_direction, negative_consumption
from functions.mdms.reading_time import ReadingTime
from functions.mdms.register_dials import beyond_dials
from functions.mdms.repeated_slot import occurrence
from functions.mdms.sub_second import sub_second
from functions.mdms.unknown_meter import unknown_meter
from functions.mdms.unknown_quality import unknown_quality
from functions.mdms.unknown_register import unknown_register
from functions.mdms.value_range import out_of_range
from storage.model.meter import EarlierLength, Meter

NOON = 1_767_268_800  # 2026-01-01T12:00:00Z
QUARTER = 900


def column(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def meters() -> MeterTable:
    return MeterTable(
        [
            Meter(meter_id="HOUSE", registers=("1-0:1.8.0",), interval_s=QUARTER),
            Meter(meter_id="ROOF", registers=("1-0:1.8.0", "1-0:2.8.0"), interval_s=1_800),
        ],
        version=2,
    )


def test_a_meter_outside_of_the_registry_is_unknown() -> None:
    position = meters().locate(["HOUSE", "house", "ROOF", ""])

    assert unknown_meter(position).tolist() == [False, True, False, True]


def test_a_register_is_known_by_meter() -> None:
    table = meters()
    unknown = unknown_register(
        meters=table,
        position=table.locate(["HOUSE", "HOUSE", "ROOF", "NOBODY"]),
        registers=["1-0:1.8.0", "1-0:2.8.0"],
        register=column(0, 1, 1, 0),
    )

    # The fourth is the unknown-meter rule's business.
    assert unknown.tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("interval_s", "registered_s", "wrong"),
    [
        pytest.param(900, 900, False, id="as_registered"),
        pytest.param(1_800, 900, True, id="half_hours_from_a_quarter_hour_meter"),
        pytest.param(0, 900, False, id="a_register_read_has_no_length"),
        pytest.param(-1, 900, True, id="a_length_that_no_day_has"),
        pytest.param(30, 30, True, id="shorter_than_a_minute"),
        pytest.param(7_000, 7_000, True, id="does_not_divide_a_day"),
        pytest.param(86_400, 86_400, False, id="a_day"),
    ],
)
def test_interval_size(interval_s: int, registered_s: int, wrong: bool) -> None:
    found = wrong_interval_size(interval_s=column(interval_s), registered_s=column(registered_s))

    assert found.tolist() == [wrong]


@pytest.mark.parametrize(
    ("late_us", "between"),
    [
        pytest.param(0, False, id="on_time"),
        pytest.param(7_000_000, False, id="a_clock_seven_seconds_late"),
        pytest.param(1, True, id="a_microsecond"),
        pytest.param(-500_000, True, id="half_a_second_early"),
    ],
)
def test_instants_are_whole_seconds(late_us: int, between: bool) -> None:
    assert sub_second(column(NOON * 1_000_000 + late_us)).tolist() == [between]


def test_a_register_with_four_dials_rolls_over_after_9999() -> None:
    values = column(9_999, 10_000, -9_999, -10_000, 10_000, 2**62)
    of_interval = np.array([False, False, False, False, True, False])

    found = beyond_dials(values=values, end=column(*[10_000] * 6), of_interval=of_interval)

    assert found.tolist() == [False, True, False, True, False, True]


@pytest.mark.parametrize(
    ("start_s", "future"),
    [
        pytest.param(NOON - QUARTER, False, id="just_ended"),
        pytest.param(NOON - QUARTER + 300, False, id="within_the_clock_allowance"),
        pytest.param(NOON - QUARTER + 301, True, id="beyond_the_allowance"),
        pytest.param(NOON, True, id="has_just_begun"),
    ],
)
def test_an_interval_must_have_ended(start_s: int, future: bool) -> None:
    found = ReadingTime(ahead_s=300).future(
        start_s=column(start_s), interval_s=column(QUARTER), now_s=NOON
    )

    assert found.tolist() == [future]


@pytest.mark.parametrize(
    ("start_s", "stale"),
    [
        pytest.param(NOON - 86_400, False, id="at_the_limit"),
        pytest.param(NOON - 86_401, True, id="beyond_the_limit"),
        pytest.param(-1, True, id="before_1970"),
    ],
)
def test_old_readings_are_stale(start_s: int, stale: bool) -> None:
    found = ReadingTime(stale_after_s=86_400).stale(start_s=column(start_s), now_s=NOON)

    assert found.tolist() == [stale]


def test_before_1970_is_stale_whatever_the_limit() -> None:
    found = ReadingTime(stale_after_s=100 * 366 * 86_400).stale(start_s=column(-1, 0), now_s=NOON)

    assert found.tolist() == [True, False]


def test_only_32_bits_fit_an_interval() -> None:
    values = column(2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**62, 2**62)
    of_interval = np.array([True] * 5 + [False])

    found = out_of_range(values=values, of_interval=of_interval)

    assert found.tolist() == [False, True, False, True, True, False]


@pytest.mark.parametrize(
    ("register", "one_direction"),
    [
        pytest.param("1-0:1.8.0", True, id="active_import"),
        pytest.param("1-0:2.8.0", True, id="active_export"),
        pytest.param("1-0:1.29.0", True, id="active_import_a_billing_interval"),
        pytest.param("1-0:3.8.1", True, id="reactive_import_tariff_1"),
        pytest.param("1-0:16.8.0", False, id="net_of_import_and_export"),
        pytest.param("1-0:1.7.0", False, id="power_is_not_energy"),
        pytest.param("1-0:11.8.0", False, id="a_code_that_only_begins_alike"),
    ],
)
def test_registers_that_count_one_direction(register: str, one_direction: bool) -> None:
    assert counts_one_direction(register) is one_direction


def test_only_one_direction_energy_may_not_be_negative() -> None:
    found = negative_consumption(
        values=column(-1, -1, 0), one_direction=np.array([True, False, True])
    )

    assert found.tolist() == [True, False, False]


def test_quality_is_a_green_button_number() -> None:
    found = unknown_quality(column(0, 7, 14, 19, 3, 255, 256, -1))

    assert found.tolist() == [False, False, False, False, True, True, True, True]


def test_occurrences_of_a_slot_are_counted_in_the_order_of_the_body() -> None:
    earlier, order = occurrence(
        meter=column(1, 0, 1, 1, 0),
        register=column(0, 0, 0, 1, 0),
        of_interval=np.array([True] * 5),
        start_s=column(900, 0, 900, 900, 900),
    )

    assert earlier.tolist() == [0, 0, 1, 0, 0]
    assert order.tolist() == [1, 4, 0, 2, 3]


def test_an_interval_and_a_register_read_of_an_instant_are_two_readings() -> None:
    earlier, order = occurrence(
        meter=column(0, 0, 0, 0),
        register=column(0, 0, 0, 0),
        of_interval=np.array([True, False, True, False]),
        start_s=column(NOON + 1, NOON + 1, NOON, NOON + 1),
    )

    assert earlier.tolist() == [0, 0, 0, 1]
    assert order.tolist() == [1, 3, 2, 0]


def test_the_length_is_the_one_that_held_at_the_start() -> None:
    day = 20_000 * 86_400
    table = MeterTable(
        [
            Meter(meter_id="SAME", registers=("1-0:1.8.0",), interval_s=QUARTER),
            Meter(
                meter_id="CHANGED",
                registers=("1-0:1.8.0",),
                interval_s=1_800,
                interval_since_s=day,
                earlier=(EarlierLength(day, QUARTER),),
            ),
        ],
        version=2,
    )
    position = table.locate(["SAME", "CHANGED", "CHANGED", "NOBODY"])

    length_s, until_s = table.lengths(
        position=position, start_s=column(day - 900, day - 900, day, day - 900)
    )
    assert length_s.tolist() == [QUARTER, QUARTER, 1_800, 0]
    assert until_s is not None
    assert until_s[1] == day
    assert (until_s[[0, 2, 3]] > 2**62).all()
    assert table.lengths(position=position, start_s=column(day, day, day, day))[1] is None


def test_an_interval_must_not_reach_into_the_next_length() -> None:
    over = over_the_change(
        start_s=column(0, 100, 900, 900),
        interval_s=column(900, 900, 900, 0),
        until_s=column(900, 900, 900, 900),
    )

    assert over.tolist() == [False, True, True, False]
