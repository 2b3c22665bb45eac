"""What a benchmark leaves on disk: nothing, or the logs that its failure names."""

import shutil
from pathlib import Path

import pytest

from deploy.benchmarks.failure import MeasurementFailed
from deploy.benchmarks.scratch import scratch_folder


def filled(folder: Path) -> None:
    logs = folder / "lab" / "state" / "logs"
    logs.mkdir(parents=True)
    (logs / "agent-zone-2.log").write_text("why it broke\n")
    (folder / "lab" / "state" / "data").write_bytes(b"x" * 100)


def test_nothing_is_left_of_a_benchmark_that_ended() -> None:
    with scratch_folder() as folder:
        filled(folder)

    assert not folder.exists()


def broken_by(error: BaseException, seen: list[Path]) -> None:
    with scratch_folder() as folder:
        seen.append(folder)
        filled(folder)
        raise error


def test_an_interrupt_leaves_nothing() -> None:
    seen: list[Path] = []

    with pytest.raises(KeyboardInterrupt):
        broken_by(KeyboardInterrupt(), seen)

    assert not seen[0].exists()


def test_the_logs_of_a_failed_one_stay() -> None:
    seen: list[Path] = []

    with pytest.raises(MeasurementFailed):
        broken_by(MeasurementFailed("zone-2 took none"), seen)

    left = [path.relative_to(seen[0]) for path in seen[0].rglob("*") if path.is_file()]
    shutil.rmtree(seen[0])
    assert left == [Path("lab/state/logs/agent-zone-2.log")]
