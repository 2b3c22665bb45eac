"""A tenant's month as people read it, and by other prices."""

from pathlib import Path

import click
import pytest

from deploy.cli.other_prices import priced_by
from deploy.cli.usage_text import proof_text, usage_text
from gateway.control.usage_example import USAGE
from storage.platform.usage.price_list import FOLDER
from storage.platform.usage.quantities import Unit

LIST = (FOLDER / "2026-01.yaml").read_text()


def test_every_part_of_a_month_is_shown() -> None:
    text = usage_text(USAGE)

    assert "1,250,007 records: 1,250,000 invocations, 4 carried by links" in text
    assert "zone-3a > zone-2  4 requests, 61,440,000 B moved (mdms)" in text
    assert "hot store of zone-3a  72.5 GB-hours in 720 hours" in text
    assert "correction of 2026-10: invocations   0.01" in text
    assert "total 1.11 USD by price list 2026-01" in text


def test_a_proof_says_what_it_read_or_what_differs() -> None:
    assert "7 records read" in proof_text({"proven": True, "records": 7, "differences": []})
    found = proof_text({"proven": False, "records": 7, "differences": ["the sums by day: x"]})
    assert found.splitlines() == ["NOT proven:", "  the sums by day: x"]


def test_another_list_prices_the_same_quantities(tmp_path: Path) -> None:
    other = tmp_path / "dearer.yaml"
    other.write_text(LIST.replace('"0.20", per: "1000000", free: "100000"', '"2", per: "1000000"'))
    quantities = dict.fromkeys(Unit, "0") | {Unit.INVOCATIONS: "1250000"}
    lines = [{"unit": str(unit), "quantity": value} for unit, value in quantities.items()]

    invoice = priced_by(other, {"lines": lines})

    assert invoice["lines"][0]["amount"] == invoice["total"] == "2.50"


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("prices: 1")

    with pytest.raises(click.UsageError, match=r"x\.yaml"):
        priced_by(tmp_path / "x.yaml", {"lines": []})
