import asyncio
import os
from pathlib import Path

import pytest

from storage.platform.functions.bundle import BundleFile, digest_of, pack_bundle
from zones.agent.deployments.bundle_source import BundleUnavailable
from zones.agent.deployments.depot import BundleDepot, NoDigest
from zones.agent.deployments.passage import closed_folder, open_to_workers
from zones.agent.deployments.preparation import prepare

FILES = [
    BundleFile(path="function.yaml", content=b"name: f\n"),
    BundleFile(path="handler.py", content=b""),
]
DIGEST = digest_of(FILES)


class Parent:
    """Gives the same bytes to whoever asks, and counts."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked = 0

    async def fetch(self, digest: str) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        return self.body


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if os.geteuid() == 0:
        for above in (tmp_path, *tmp_path.parents):
            above.chmod(above.stat().st_mode | 0o011)
    return tmp_path / "functions"


async def test_a_bundle_is_fetched_once_for_many_and_kept(folder: Path) -> None:
    parent = Parent(pack_bundle(FILES))
    depot = BundleDepot(folder, parent)

    bodies = await asyncio.gather(*(depot.packed(DIGEST) for _ in range(5)))
    again = await BundleDepot(folder, parent).packed(DIGEST)

    assert {*bodies, again} == {parent.body}
    assert parent.asked == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(pack_bundle([BundleFile(path="x", content=b"")]), id="another_bundle"),
        pytest.param(b"no bundle", id="no_bundle"),
    ],
)
async def test_what_has_another_digest_is_not_kept(folder: Path, body: bytes) -> None:
    depot = BundleDepot(folder, Parent(body))

    with pytest.raises(BundleUnavailable):
        await depot.packed(DIGEST)

    assert not depot.place(DIGEST).packed.exists()


@pytest.mark.parametrize("text", ["", "../../etc", DIGEST.upper(), DIGEST[:-1], f"{DIGEST}/x"])
def test_what_is_no_digest_names_no_folder(folder: Path, text: str) -> None:
    with pytest.raises(NoDigest):
        BundleDepot(folder, Parent(b"")).place(text)


async def test_a_preparation_that_broke_off_is_done_again(folder: Path) -> None:
    depot = BundleDepot(folder, Parent(pack_bundle(FILES)))
    place = depot.make(DIGEST)
    place.code.mkdir()
    (place.code / "half").write_text("left behind")

    await prepare(depot, DIGEST)

    assert place.prepared
    assert sorted(path.name for path in place.code.iterdir()) == ["function.yaml", "handler.py"]


async def test_what_nobody_uses_goes_after_its_grace(folder: Path) -> None:
    depot = BundleDepot(folder, Parent(pack_bundle(FILES)))
    await prepare(depot, DIGEST)

    assert depot.collect(used=[], grace_s=60) == []
    assert depot.collect(used=[DIGEST], grace_s=0) == []
    assert depot.place(DIGEST).prepared
    assert depot.collect(used=[], grace_s=0) == [DIGEST]
    assert not depot.place(DIGEST).prepared


async def test_too_much_that_nobody_uses_has_no_grace(folder: Path) -> None:
    depot = BundleDepot(folder, Parent(pack_bundle(FILES)))
    await prepare(depot, DIGEST)
    size = depot.place(DIGEST).size

    assert size > 0
    assert depot.collect(used=[], grace_s=60, most_bytes=size) == []
    assert depot.collect(used=[DIGEST], grace_s=60, most_bytes=0) == []
    assert depot.collect(used=[], grace_s=60, most_bytes=size - 1) == [DIGEST]
    assert depot.place(DIGEST).size == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has workers with accounts of their own")
def test_workers_pass_to_their_code_and_see_nothing_beside_it(tmp_path: Path) -> None:
    for name, mode in (("functions", 0o711), ("snapshot.json", 0o644), ("ledger", 0o755)):
        path = tmp_path / name
        path.touch() if "." in name else path.mkdir()
        path.chmod(mode)

    open_to_workers(tmp_path, passable="functions")

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path, *tmp_path.iterdir())}
    assert modes == {
        tmp_path.name: 0o711,
        "functions": 0o711,
        "snapshot.json": 0o600,
        "ledger": 0o700,
    }


def test_the_folder_that_nobody_passes_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "below").mkdir(parents=True)
    for above in (tmp_path, *tmp_path.parents[:-1]):
        if above.stat().st_uid == os.geteuid():
            above.chmod(above.stat().st_mode | 0o011)
    closed.chmod(0o700)

    assert closed_folder(closed / "below") == closed
