"""A ledger without room: no call begins that could not be written down, and none is lost."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.platform.ledger.segment import read_ledger
from tests.integration.gateway.zone import ADMIN, Answer, ZoneUnderTest, function

DISK_MIB = 3


@pytest.fixture
def zone(folder: Path) -> Iterator[ZoneUnderTest]:
    zone = ZoneUnderTest(folder)
    zone.functions = [function("echo")]
    try:
        _, worker = zone.start_worker()
        zone.instances = {"acme/echo": [worker]}
        zone.start_agent()
        yield zone
    finally:
        zone.close()


def start(zone: ZoneUnderTest, **settings: str) -> None:
    environment = {**zone.environment(), **settings}
    zone.environment = lambda: environment  # type: ignore[method-assign]
    zone.start_gateway()
    zone.wait_until_ready()


def call_until_refused(zone: ZoneUnderTest, *, at_most: int) -> tuple[set[str], Answer]:
    answered: set[str] = set()
    for _ in range(at_most):
        answer = zone.call("GET", "/v1/echo/me")
        if answer.status != 200:
            return answered, answer
        answered.add(answer.headers["x-call-id"])
    pytest.fail(f"{at_most} calls, and none was refused")


def works_again(zone: ZoneUnderTest) -> None:
    deadline = time.monotonic() + 15
    while zone.call("GET", "/v1/echo/me").status != 200:
        assert time.monotonic() < deadline, "the room is not used"
        time.sleep(0.05)


def test_at_its_bound_the_zone_takes_no_calls_until_some_are_shipped(zone: ZoneUnderTest) -> None:
    start(zone, GRIDFAAS_LEDGER_MAX_BYTES="8000", GRIDFAAS_LEDGER_SEGMENT_BYTES="2000")

    answered, refused = call_until_refused(zone, at_most=500)

    assert refused.problem() == (503, "store-full")
    assert int(refused.headers["retry-after"]) >= 1
    ledger = zone.folder / "ledger"
    assert {record.call_id for record in read_ledger(ledger)} == answered
    assert zone.call("GET", "/readyz", key=None).json["missing"] == ["ledger"]
    # Operators are not shut out.
    assert zone.call("GET", "/v1/platform/tenants", key=ADMIN).status == 200

    # What headquarters has is removed, as the agent does it.
    for path in sorted(ledger.glob("*.ledger"))[:-1]:
        path.unlink()
    works_again(zone)


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of a few MiB at the place of the ledger."""
    place = folder / "ledger"
    place.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "gridfaas-test"]
    if os.geteuid() != 0 or subprocess.run([*mount, str(place)], check=False).returncode != 0:
        pytest.skip("a small disk can only be mounted by root, where mounting is allowed")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_on_a_full_disk_the_calls_under_way_are_still_written_down(
    small_disk: Path, zone: ZoneUnderTest
) -> None:
    start(zone)
    first = zone.call("GET", "/v1/echo/me")
    ballast = small_disk / "ballast"
    taken = small_disk.joinpath("reserve").stat().st_size
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, (DISK_MIB << 20) - taken - (64 << 10))

    answered, refused = call_until_refused(zone, at_most=3_000)

    assert refused.problem() == (503, "store-full")
    written = {record.call_id for record in read_ledger(small_disk)}
    assert {first.headers["x-call-id"], *answered} <= written
    ballast.unlink()
    works_again(zone)
    assert small_disk.joinpath("reserve").stat().st_size == taken
