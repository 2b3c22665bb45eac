"""A meter's record in a zone's store."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.hot.meter_record import MeterRecords, UnknownShape
from storage.model.meter import EarlierLength, Formula, Meter, Term

LABELS = st.none() | st.text(max_size=20)
METERS = st.builds(
    Meter,
    meter_id=st.just("M-1"),
    registers=st.lists(st.sampled_from(["1-0:1.8.0", "1-0:2.8.0"]), min_size=1).map(tuple),
    interval_s=st.sampled_from([900, 1_800, 3_600]),
    dials=st.integers(1, 18),
    multiplier=st.integers(1, 1_000_000),
    service_point=LABELS,
    feeder=LABELS,
    transformer=LABELS,
    time_zone=st.sampled_from(["UTC", "Asia/Baghdad"]),
    active=st.booleans(),
    version=st.integers(0, (1 << 48) - 1),
    interval_since_s=st.integers(0, 1 << 33),
    earlier=st.lists(
        st.builds(EarlierLength, until_s=st.integers(0, 1 << 33), interval_s=st.integers(60, 900)),
        max_size=2,
    ).map(tuple),
)
VIRTUAL = st.builds(
    Meter,
    meter_id=st.just("V-1"),
    registers=st.just(("1-0:1.8.0",)),
    interval_s=st.just(900),
    formulas=st.lists(
        st.builds(
            Formula,
            since_s=st.integers(0, 1 << 33),
            terms=st.lists(
                st.builds(Term, meter_id=st.just("M-1"), weight=st.floats(-9, 9)), min_size=1
            ).map(tuple),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


@given(METERS | VIRTUAL)
def test_a_meter_is_read_back_as_it_was(meter: Meter) -> None:
    shapes: dict[bytes, bytes] = {}
    record = b"\0\0\0\0" + MeterRecords().encode(meter, shapes)

    reader = MeterRecords()
    with pytest.raises(UnknownShape) as unknown:
        reader.decode([meter.meter_id], [record])
    assert set(unknown.value.names) == shapes.keys()
    reader.learn(shapes)

    assert reader.decode([meter.meter_id], [record]) == [meter]


def test_meters_of_a_kind_share_what_they_share() -> None:
    shapes: dict[bytes, bytes] = {}
    records = MeterRecords()
    sizes = [
        len(
            records.encode(
                Meter(
                    meter_id=f"M-{number:08d}",
                    registers=("1-0:1.8.0", "1-0:2.8.0"),
                    interval_s=900,
                    feeder="F-00001",
                    transformer="T-000001",
                    service_point=f"SP{number:08d}",
                    time_zone="Asia/Baghdad",
                    version=number,
                ),
                shapes,
            )
        )
        for number in range(100)
    ]

    assert len(shapes) == 1
    assert max(sizes) < 64
