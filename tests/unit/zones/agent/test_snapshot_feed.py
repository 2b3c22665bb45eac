"""Which snapshots a zone takes up, whatever its source offers."""

from pathlib import Path

import pytest

from storage.platform.snapshot import Position, Snapshot, load_snapshot
from zones.agent.snapshot_feed import SnapshotFeed
from zones.agent.snapshot_source import SourceUnavailable


def snapshot(incarnation: int, version: int) -> Snapshot:
    return Snapshot(
        version=version, incarnation=incarnation, zone="zone-2", zones=[], tenants=[], keys=[]
    )


class Offers:
    """A source that offers one snapshot, whatever the zone holds."""

    def __init__(self, offered: Snapshot) -> None:
        self.offered = offered

    async def newer(self, held: Position | None) -> Snapshot | None:
        return self.offered


@pytest.mark.parametrize(
    ("held", "offered", "taken"),
    [
        pytest.param((5, 9), (5, 10), True, id="a_change"),
        pytest.param((5, 9), (6, 2), True, id="a_restored_record_with_lower_versions"),
        pytest.param((5, 9), (5, 8), False, id="a_parent_that_lost_its_last_change"),
        pytest.param((6, 2), (5, 9), False, id="a_parent_that_missed_the_restore"),
        pytest.param((5, 9), (5, 9), False, id="the_same_again"),
    ],
)
async def test_the_newer_one_wins(
    tmp_path: Path, held: tuple[int, int], offered: tuple[int, int], taken: bool
) -> None:
    path = tmp_path / "snapshot.json"
    changes: list[None] = []
    source = Offers(snapshot(*held))
    feed = SnapshotFeed(path=path, source=source, changed=lambda: changes.append(None))
    await feed.follow()

    source.offered = snapshot(*offered)
    if taken:
        await feed.follow()
    else:
        with pytest.raises(SourceUnavailable):
            await feed.follow()

    expected = snapshot(*(offered if taken else held))
    assert feed.current == expected
    assert load_snapshot(path) == expected
    assert len(changes) == 1 + taken
