import pytest

from storage.platform.usage.month import InvalidMonth, Month


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("2026-11", "2026-11-01T00:00:00+00:00", "2026-12-01T00:00:00+00:00"),
        ("2026-12", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("2028-02", "2028-02-01T00:00:00+00:00", "2028-03-01T00:00:00+00:00"),
    ],
)
def test_a_month_is_half_open_in_utc(text: str, since: str, until: str) -> None:
    month = Month.parse(text)

    assert (month.since.isoformat(), month.until.isoformat()) == (since, until)
    assert str(month) == text


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "26-11", "2026-1", "", "9999-12", "2026-1\u0661"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(InvalidMonth):
        Month.parse(text)
