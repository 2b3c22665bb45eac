"""Price lists as data: what is refused, and which one a month has."""

from pathlib import Path

import pytest

from storage.platform.usage.month import Month
from storage.platform.usage.price_list import (
    FOLDER,
    NoPriceList,
    PriceListInvalid,
    price_list_for,
    read_price_list,
    read_price_lists,
)

GOOD = next(iter(sorted(FOLDER.glob("*.yaml")))).read_text()


def altered(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_the_lists_that_come_with_the_platform_can_be_read() -> None:
    assert [one.version for one in read_price_lists()] == ["2026-01"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(altered("cpu_seconds:", "cpu_minutes:"), "cpu_minutes", id="another_unit"),
        pytest.param(altered('  cpu_seconds: {price: "0"}\n', ""), "cpu_seconds", id="one_missing"),
        pytest.param(altered('"0.20"', '"-0.20"'), "below 0", id="a_price_below_0"),
        pytest.param(altered('"0.20"', '"NaN"'), "below 0", id="a_price_that_is_no_number"),
        pytest.param(altered('per: "1000000"', 'per: "0"'), "per 0", id="per_nothing"),
        pytest.param(altered("00:00:00Z", "00:00:00"), "time zone", id="at_nobodys_time"),
        pytest.param(altered("decimals: 2", "decimals: 9"), "decimals", id="too_many_decimals"),
        pytest.param("prices: [", "t.yaml", id="no_yaml"),
    ],
)
def test_a_broken_list_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(PriceListInvalid, match=why):
        read_price_list(text, name="t.yaml")


def test_a_month_has_the_list_that_is_valid_at_its_first_instant(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    later = altered("2026-01-01T", "2026-11-02T").replace('"2026-01"', '"later"')
    (tmp_path / "b.yaml").write_text(later)
    lists = read_price_lists(tmp_path)

    def version(month: str) -> str:
        return price_list_for(Month.parse(month), lists=lists).version

    assert [version(month) for month in ("2026-01", "2026-11", "2026-12")] == [
        "2026-01",
        "2026-01",
        "later",
    ]
    with pytest.raises(NoPriceList):
        version("2025-12")


@pytest.mark.parametrize(
    "second", [GOOD, altered("USD", "IQD").replace('"2026-01"', '"b"').replace("01-01T", "02-01T")]
)
def test_lists_that_do_not_go_together_are_refused(tmp_path: Path, second: str) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(second)

    with pytest.raises(PriceListInvalid):
        read_price_lists(tmp_path)
