"""Good readings laid out run by run: the same batch as reading by reading, or none at all."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from functions.mdms.arrivals import Arrivals
from functions.mdms.batch_forming import MAX_BATCH_READINGS, form_batches
from functions.mdms.meter_table import MeterTable
from functions.mdms.reading_schema import Series
from functions.mdms.series_columns import lay_out
from functions.mdms.technical_validation import TechnicalValidation
from functions.mdms.whole_runs import form_whole_runs
from storage.model.meter import EarlierLength, Meter
from storage.model.runs import RunBatch
from tests.unit.functions.mdms.bodies import IMPORT, MIDNIGHT, NOW

EXPORT = "1-0:2.8.0"
BEGIN = datetime.fromtimestamp(MIDNIGHT, UTC)
VALIDATION = TechnicalValidation()


def series(
    meter: str,
    values: list[int],
    *,
    slot: float = 0,
    register: str = IMPORT,
    interval_s: int = 900,
    quality: int | list[int] = 0,
) -> Series:
    start = BEGIN + timedelta(seconds=slot * interval_s)
    return Series(
        register=register,
        interval_s=interval_s,
        values=values,
        meter_id=meter,
        start=start,
        quality=quality,
    )


def arrived(*found: Series) -> Arrivals:
    return lay_out(found, [len(one.values) for one in found])


def table() -> MeterTable:
    names = (IMPORT, EXPORT)
    changed = EarlierLength(MIDNIGHT, 1_800)
    return MeterTable(
        [
            Meter(meter_id="A", registers=names, interval_s=900),
            Meter(meter_id="B", registers=(IMPORT,), interval_s=900),
            Meter(meter_id="C", registers=names, interval_s=1_800),
            Meter(
                meter_id="D",
                registers=names,
                interval_s=900,
                interval_since_s=MIDNIGHT,
                earlier=(changed,),
            ),
        ],
        version=1,
    )


good_runs = st.lists(
    st.builds(
        lambda meter, first, slot, length, register, interval_s: series(
            meter,
            list(range(first, first + length)),
            slot=slot,
            register=register,
            interval_s=interval_s,
            quality=first % 3,
        ),
        st.sampled_from("ABC"),
        st.integers(0, 9_000),
        st.integers(0, 150),
        st.integers(1, 120),
        st.sampled_from([IMPORT, IMPORT, EXPORT]),
        st.sampled_from([900, 900, 900, 1_800]),
    ),
    min_size=1,
    max_size=8,
)
any_runs = st.lists(
    st.builds(
        lambda meter, values, slot, register, interval_s, quality: series(
            meter,
            values,
            slot=slot,
            register=register,
            interval_s=interval_s,
            quality=quality,
        ),
        st.sampled_from(["A", "A", "B", "C", "D", "nobody"]),
        st.lists(st.sampled_from([0, 1, 2**31 - 1, 5, 5, 2**31, -1]), max_size=3),
        st.sampled_from([0, 1, 2, 95, 2_000, 4_000, -2, -200_000, 0.5]),
        st.sampled_from([IMPORT, IMPORT, EXPORT]),
        st.sampled_from([900, 900, 1_800, 0, 7]),
        st.sampled_from([0, 0, 14, 8, 1, -1, 300]),
    ),
    min_size=1,
    max_size=3,
)


@given(good_runs)
def test_a_batch_is_that_of_looking_at_each_reading(found: list[Series]) -> None:
    arrivals = arrived(*found)
    reading_run = arrivals.reading_run()
    reason = np.zeros(len(arrivals), dtype=np.uint8)
    each = form_batches(
        arrivals=arrivals,
        reading_run=reading_run,
        start_s=arrivals.reading_start_s(reading_run),
        reason=reason,
    )

    whole = form_whole_runs(arrivals)

    lengths = {(one.meter_id, one.register, one.interval_s) for one in found}
    simple = len({one[:2] for one in lengths}) == len(lengths)
    assert (whole is not None) == (simple and len(each) == 1)
    if whole is not None:
        (batch,) = each
        was = np.arange(len(arrivals)) if whole.was is None else whole.was
        assert isinstance(batch.batch, RunBatch)
        assert whole.batch.encode() == batch.batch.encode()
        assert was.tolist() == batch.place.tolist()


@given(any_runs)
def test_where_nothing_is_wrong_no_rule_finds_anything(found: list[Series]) -> None:
    arrivals = arrived(*found)
    reading_run = arrivals.reading_run()

    if VALIDATION.nothing_wrong(arrivals=arrivals, meters=table(), now_s=NOW):
        reasons = VALIDATION.reasons(
            arrivals=arrivals,
            meters=table(),
            reading_run=reading_run,
            start_s=arrivals.reading_start_s(reading_run),
            now_s=NOW,
        )
        assert not reasons.any()


def test_good_runs_are_seen_to_be_good() -> None:
    arrivals = arrived(
        series("A", [5] * 150, slot=30, quality=14),
        series("B", [0, 2**31 - 1], quality=[8, 0]),
        series("A", [7] * 20, register=EXPORT),
        series("D", [7] * 20),
    )

    assert VALIDATION.nothing_wrong(arrivals=arrivals, meters=table(), now_s=NOW)


def test_the_last_interval_of_a_run_has_to_have_ended() -> None:
    arrivals = arrived(series("A", [1, 1, 1]))
    ends = MIDNIGHT + 3 * 900 - VALIDATION.time.ahead_s

    assert VALIDATION.nothing_wrong(arrivals=arrivals, meters=table(), now_s=ends)
    assert not VALIDATION.nothing_wrong(arrivals=arrivals, meters=table(), now_s=ends - 1)


def test_what_is_no_run_of_intervals_is_left() -> None:
    assert form_whole_runs(arrived()) is None
    assert form_whole_runs(arrived(series("A", []), series("B", [1]))) is None
    assert form_whole_runs(arrived(series("A", [1], slot=0.5))) is None
    assert form_whole_runs(arrived(series("A", [1] * (MAX_BATCH_READINGS + 1)))) is None
