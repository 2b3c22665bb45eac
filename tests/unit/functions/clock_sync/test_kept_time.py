import os
from pathlib import Path

import pytest

from functions.clock_sync.exchange import Sample
from functions.clock_sync.kept_time import FILE, KeptTime
from functions.clock_sync.zone_clock import FollowingClock
from tests.unit.functions.clock_sync.clocks import HandClock


def following(machine: HandClock) -> FollowingClock:
    return FollowingClock(machine, tolerance_ppm=15, max_distance_us=1.5e6)


async def kept(machine: HandClock, folder: Path) -> FollowingClock:
    """Let a clock know something, and keep it."""
    clock = following(machine)
    sample = Sample(at_us=machine.steady, offset_us=7_000_000_000, delay_us=900, dispersion_us=2.5)
    clock.take(sample, reference="zone-1", stratum=1)
    await KeptTime(str(folder), machine=machine).keep(clock)
    return clock


async def test_the_next_worker_knows_what_the_last_one_knew(tmp_path: Path) -> None:
    machine = HandClock()
    before = await kept(machine, tmp_path)
    machine.wait(60)
    # The wall clock is no help: somebody set it between the two.
    machine.wall += 10**9

    after = following(machine)
    KeptTime(str(tmp_path), machine=machine).restore(after)

    assert after.now_us() == before.now_us()
    assert after.standing() == before.standing()
    assert after.standing().stratum == 2
    assert os.listdir(tmp_path) == [FILE]


async def test_what_is_kept_grows_old(tmp_path: Path) -> None:
    machine = HandClock()
    await kept(machine, tmp_path)
    machine.wait(2 * 86_400)

    clock = following(machine)
    KeptTime(str(tmp_path), machine=machine).restore(clock)

    assert not clock.standing().synchronised


async def test_a_start_of_the_machine_makes_it_void(tmp_path: Path) -> None:
    await kept(HandClock(), tmp_path)
    machine = HandClock(started="tuesday")

    clock = following(machine)
    KeptTime(str(tmp_path), machine=machine).restore(clock)

    assert clock.known is None


@pytest.mark.parametrize("text", [None, "", "{}", "[1]"], ids=["no_file", "empty", "bare", "list"])
def test_without_anything_to_read_nothing_is_known(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    machine = HandClock()

    clock = following(machine)
    KeptTime(str(tmp_path), machine=machine).restore(clock)

    assert clock.known is None


async def test_a_folder_that_cannot_be_written_is_no_harm(tmp_path: Path) -> None:
    clock = await kept(HandClock(), tmp_path / "missing")

    assert clock.standing().synchronised
    assert not (tmp_path / "missing").exists()
