"""Whatever the way does to batches, headquarters gets each byte once and in order."""

import fcntl
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from storage.platform.ledger.batch import BATCH_BYTES, unpack_frames
from storage.platform.ledger.segment import frame, read_frames
from tests.unit.storage.platform.ledger.records import record
from zones.agent.ledger_figures import LedgerFigures
from zones.agent.ledger_shipper import LedgerShipper
from zones.agent.ledger_sinks import SinkUnavailable

FRAMES = [frame(record(number)) for number in range(6)]


class Headquarters:
    """Keeps the port's promise in memory; `lose_answers` of the next batches after taking them."""

    def __init__(self) -> None:
        self.segments: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.lose_answers = 0
        self.away = False

    async def take(self, *, zone: str, segment: str, offset: int, body: bytes) -> int:
        assert zone == "zone-3a"
        if self.away:
            raise SinkUnavailable("away")
        held = self.segments.setdefault(segment, b"")
        if body and offset == len(held):
            self.segments[segment] = held + unpack_frames(body)
            self.asked.append(segment)
            if self.lose_answers:
                self.lose_answers -= 1
                raise SinkUnavailable("the answer is lost")
        return len(self.segments[segment])

    @property
    def calls(self) -> list[str]:
        return [found.call_id for held in self.segments.values() for found in read_frames(held)]


@pytest.fixture
def headquarters() -> Headquarters:
    return Headquarters()


def shipper(folder: Path, headquarters: Headquarters) -> LedgerShipper:
    figures = LedgerFigures(CollectorRegistry())
    return LedgerShipper(folder, zone="zone-3a", sink=headquarters, figures=figures, every_s=1)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_finished_segments_go_in_order_and_are_removed(
    tmp_path: Path, headquarters: Headquarters
) -> None:
    for number in (2, 0, 1):
        (tmp_path / f"{number}.ledger").write_bytes(FRAMES[2 * number] + FRAMES[2 * number + 1])

    await shipper(tmp_path, headquarters).ship()

    assert headquarters.asked == ["0.ledger", "1.ledger", "2.ledger"]
    assert headquarters.calls == [f"call-{number}" for number in range(6)]
    assert names(tmp_path) == []


async def test_a_growing_segment_is_followed_and_stays(
    tmp_path: Path, headquarters: Headquarters
) -> None:
    path = tmp_path / "1.ledger"
    path.write_bytes(FRAMES[0] + FRAMES[1][:5])
    writer = os.open(path, os.O_WRONLY | os.O_APPEND)
    fcntl.flock(writer, fcntl.LOCK_EX)
    ours = shipper(tmp_path, headquarters)

    await ours.ship()
    assert headquarters.calls == ["call-0"]
    os.write(writer, FRAMES[1][5:])
    await ours.ship()
    assert headquarters.calls == ["call-0", "call-1"]
    assert names(tmp_path) == ["1.ledger"]
    os.close(writer)
    await ours.ship()

    assert headquarters.calls == ["call-0", "call-1"]
    assert names(tmp_path) == []


async def test_what_is_written_while_a_segment_goes_waits_for_the_next_time(
    tmp_path: Path, headquarters: Headquarters
) -> None:
    path = tmp_path / "1.ledger"
    path.write_bytes(FRAMES[0])
    writer = os.open(path, os.O_WRONLY | os.O_APPEND)
    fcntl.flock(writer, fcntl.LOCK_EX)
    left = FRAMES[1:]

    class Busy(Headquarters):
        async def take(self, *, zone: str, segment: str, offset: int, body: bytes) -> int:
            if body and left:
                os.write(writer, left.pop(0))
            return await super().take(zone=zone, segment=segment, offset=offset, body=body)

    busy = Busy()
    ours = shipper(tmp_path, busy)
    await ours.ship()
    assert busy.calls == ["call-0"]
    await ours.ship()
    assert busy.calls == ["call-0", "call-1"]
    os.close(writer)


@pytest.mark.parametrize("lost", [1, 3])
async def test_lost_answers_and_restarts_double_nothing(
    tmp_path: Path, headquarters: Headquarters, lost: int
) -> None:
    count = 3 * BATCH_BYTES // len(FRAMES[0])
    frames = [frame(record(number)) for number in range(count)]
    (tmp_path / "1.ledger").write_bytes(b"".join(frames))
    headquarters.lose_answers = lost

    for _ in range(lost):
        with pytest.raises(SinkUnavailable):
            # Another agent each time: nothing of the way is remembered on our side.
            await shipper(tmp_path, headquarters).ship()
        assert names(tmp_path) == ["1.ledger"]
    await shipper(tmp_path, headquarters).ship()

    assert headquarters.calls == [f"call-{number}" for number in range(count)]
    assert names(tmp_path) == []


async def test_nothing_is_removed_while_headquarters_is_away(
    tmp_path: Path, headquarters: Headquarters
) -> None:
    (tmp_path / "1.ledger").write_bytes(FRAMES[0])
    headquarters.away = True
    with pytest.raises(SinkUnavailable):
        await shipper(tmp_path, headquarters).ship()

    assert names(tmp_path) == ["1.ledger"]


async def test_the_torn_tail_of_a_crash_is_given_up(
    tmp_path: Path, headquarters: Headquarters
) -> None:
    (tmp_path / "1.ledger").write_bytes(FRAMES[0] + FRAMES[1][:-1])

    await shipper(tmp_path, headquarters).ship()

    assert headquarters.calls == ["call-0"]
    assert names(tmp_path) == []


async def test_a_damaged_segment_is_kept_aside_and_the_next_one_goes_on(
    tmp_path: Path, headquarters: Headquarters
) -> None:
    damaged = FRAMES[1][:-1] + b"?"
    (tmp_path / "1.ledger").write_bytes(FRAMES[0] + damaged + FRAMES[2])
    (tmp_path / "2.ledger").write_bytes(FRAMES[3])

    await shipper(tmp_path, headquarters).ship()

    assert headquarters.calls == ["call-0", "call-3"]
    assert names(tmp_path) == ["1.ledger.damaged"]
    assert (tmp_path / "1.ledger.damaged").read_bytes() == FRAMES[0] + damaged + FRAMES[2]


async def test_a_segment_that_a_power_cut_shortened_is_done(
    tmp_path: Path, headquarters: Headquarters
) -> None:
    headquarters.segments["1.ledger"] = FRAMES[0] + FRAMES[1]
    (tmp_path / "1.ledger").write_bytes(FRAMES[0])

    await shipper(tmp_path, headquarters).ship()

    assert headquarters.calls == ["call-0", "call-1"]
    assert names(tmp_path) == []
