"""Every test of mdms with zones: with a registry held whole, and with one that is looked up."""

import pytest


@pytest.fixture(params=[200_000, 1], ids=["held", "looked-up"])
def held_meters(request: pytest.FixtureRequest) -> int:
    """What a worker holds whole: any registry of these tests, or of one meter."""
    most: int = request.param
    return most
