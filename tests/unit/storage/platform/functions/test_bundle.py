import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.platform.functions import bundle
from storage.platform.functions.bundle import (
    BundleFault,
    BundleFile,
    digest_of,
    open_bundle,
    pack_bundle,
    read_folder,
    write_files,
)

FILES = [
    BundleFile(path="function.yaml", content=b"name: f\n"),
    BundleFile(path="handler.py", content=b"async def handle(event, context): ...\n"),
    BundleFile(path="rules/__init__.py", content=b""),
]


def archive(
    *members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] | None = None
) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if change is not None:
                change(member)
            tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def test_the_same_files_pack_to_the_same_bytes_in_any_order() -> None:
    assert pack_bundle(FILES) == pack_bundle(reversed(FILES))


def test_what_was_packed_opens() -> None:
    assert open_bundle(pack_bundle(FILES)) == FILES


def test_the_digest_is_of_what_is_in_it_not_of_how_it_was_packed() -> None:
    other = archive(*(("./" + file.path, file.content) for file in reversed(FILES)))

    assert other != pack_bundle(FILES)
    assert digest_of(open_bundle(other)) == digest_of(FILES)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([BundleFile(path="ab", content=b"c")], id="name_takes_from_content"),
        pytest.param([BundleFile(path="a", content=b"b")], id="content_cut"),
        pytest.param(
            [BundleFile(path="a", content=b""), BundleFile(path="bc", content=b"")], id="two_files"
        ),
    ],
)
def test_other_contents_have_another_digest(other: list[BundleFile]) -> None:
    assert digest_of(other) != digest_of([BundleFile(path="a", content=b"bc")])


def test_a_folder_is_read_without_hidden_files_and_caches(tmp_path: Path) -> None:
    for name in ("function.yaml", "rules/late.py", ".git/config", "__pycache__/x", "rules/y.pyc"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)

    assert [file.path for file in read_folder(tmp_path)] == ["function.yaml", "rules/late.py"]


@pytest.mark.parametrize("kind", ["link_to_a_file", "link_to_a_folder", "pipe"])
def test_a_folder_with_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    odd = tmp_path / "odd"
    if kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.symlink_to("/etc/passwd" if kind == "link_to_a_file" else "/etc")

    with pytest.raises(BundleFault, match="odd is a link or no file"):
        read_folder(tmp_path)


def test_files_are_written_for_all_to_read(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_files(FILES, tmp_path)
    finally:
        os.umask(before)

    assert (tmp_path / "handler.py").read_bytes() == FILES[1].content
    assert (tmp_path / "handler.py").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "rules").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "name", ["../up", "/etc/passwd", "a/../../b", "a//b", "a\\b", "a\nb", "a/./b", "x" * 300]
)
def test_a_path_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(BundleFault):
        open_bundle(archive((name, b"")))


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(tarfile.SYMTYPE, id="symbolic_link"),
        pytest.param(tarfile.LNKTYPE, id="hard_link"),
        pytest.param(tarfile.CHRTYPE, id="device"),
        pytest.param(tarfile.FIFOTYPE, id="pipe"),
        pytest.param(tarfile.GNUTYPE_SPARSE, id="sparse_file"),
    ],
)
def test_what_is_neither_file_nor_folder_is_refused(kind: bytes) -> None:
    def change(member: tarfile.TarInfo) -> None:
        member.type, member.linkname = kind, "/etc/passwd"

    with pytest.raises(BundleFault):
        open_bundle(archive(("x", b""), change=change))


def test_a_file_that_is_a_folder_too_is_refused() -> None:
    with pytest.raises(BundleFault, match="both file and folder"):
        open_bundle(archive(("a", b""), ("a/b", b"")))


def test_two_files_of_one_path_are_refused() -> None:
    with pytest.raises(BundleFault, match="twice"):
        open_bundle(archive(("a", b"1"), ("./a", b"2")))


def test_too_many_files_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_FILES", 2)

    with pytest.raises(BundleFault, match="more than 2 files"):
        open_bundle(archive(*((f"f{number}", b"") for number in range(3))))


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * (bundle.MAX_UNPACKED_BYTES + (20 << 20)), 9)

    assert len(bomb) < 200_000
    with pytest.raises(BundleFault, match="unpacks to more than"):
        open_bundle(bomb)


def test_a_member_that_claims_more_than_there_is_is_refused() -> None:
    member = tarfile.TarInfo("x")
    member.size = 1 << 40

    with pytest.raises(BundleFault, match="holds more than"):
        open_bundle(gzip.compress(member.tobuf()))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PK\x03\x04", id="a_zip"),
        pytest.param(gzip.compress(b"no tar" * 500), id="no_tar"),
        pytest.param(pack_bundle(FILES)[:-20], id="cut_off"),
    ],
)
def test_what_is_no_bundle_is_refused(body: bytes) -> None:
    with pytest.raises(BundleFault):
        open_bundle(body)
