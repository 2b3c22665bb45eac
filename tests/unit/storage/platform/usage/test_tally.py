"""Records added up: by day and line, whatever order and pieces they come in."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from storage.platform.ledger.record import Record, StorageSample
from storage.platform.usage.tally import Counts, Line, Stored, Tally
from tests.unit.storage.platform.ledger.records import record

DAY_US = 86_400_000_000
DAY_1 = date(1970, 1, 1)


def tally_of(*records: Record) -> Tally:
    tally = Tally()
    tally.count(records)
    return tally


def sample(at_s: int, size: int) -> StorageSample:
    return StorageSample(
        at_us=at_s * 1_000_000, tenant="acme", zone="zone-2", store="hot", bytes=size
    )


def test_calls_are_added_up_by_their_utc_day() -> None:
    tally = tally_of(
        record(DAY_US - 1, run_us=1_500, memory_mb=100, cpu_us=7),
        record(0, run_us=2_000, memory_mb=100, cold=True, status=500),
        record(DAY_US),
    )

    line = Line("acme", DAY_1, "zone-3a", "mdms", "billed", "")
    assert tally.lines[line] == Counts(
        records=2,
        failed=1,
        cold=1,
        wait_us=2,
        run_us=3_500,
        megabyte_ms=400,
        cpu_us=7,
        bytes_in=8,
        bytes_out=10,
    )
    assert tally.lines[line._replace(day=DAY_1 + timedelta(days=1))].records == 1
    assert len(tally.lines) == 2


def test_what_a_zone_carries_is_a_line_of_its_link() -> None:
    tally = tally_of(record(1, role="zone", zone="zone-2", caller_zone="zone-3b"))

    (line,) = tally.lines
    assert (line.kind, line.origin, line.zone) == ("link", "zone-3b", "zone-2")


def test_of_an_hours_samples_the_first_counts() -> None:
    tally = tally_of(sample(3_600, 10), sample(7_199, 99), sample(7_200, 20))

    at = datetime(1970, 1, 1, 1, tzinfo=UTC)
    hour = Stored("acme", "zone-2", "hot", at)
    assert tally.stored == {hour: 10, hour._replace(at=at + timedelta(hours=1)): 20}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3 * DAY_US),
            st.sampled_from(["acme", "bolt"]),
            st.sampled_from(["zone", "meter"]),
            st.integers(0, 10**9),
        )
    ),
    st.integers(0, 20),
)
def test_any_pieces_in_any_order_add_up_to_the_same(
    drawn: list[tuple[int, str, str, int]], cut: int
) -> None:
    calls = [record(at, tenant=who, role=role, run_us=run) for at, who, role, run in drawn]
    whole = tally_of(*calls)

    pieces = tally_of(*reversed(calls[:cut]))
    pieces.count(calls[cut:])

    assert pieces.lines == whole.lines
    assert sum(sums.records for sums in whole.lines.values()) == len(calls)
