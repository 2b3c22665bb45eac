"""What servers leave on disk: bounded logs, reachable copies, private secrets."""

import io
import os
from pathlib import Path

import pytest

from deploy.servers import binaries
from deploy.servers.account import Account, can_reach
from deploy.servers.binaries import find_valkey
from deploy.servers.log_pump import LogPump
from deploy.servers.secret_file import lasting_password
from deploy.servers.wheel_copy import reachable_copy

STRANGER = Account(uid=4_000_000, gid=4_000_000, dropped=True)


def test_a_log_does_not_grow_without_bound(tmp_path: Path) -> None:
    lines = b"".join(b"line %04d\n" % n for n in range(1000))
    pump = LogPump(io.BytesIO(lines), tmp_path / "x.log", max_bytes=1000)
    pump.close()

    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 2000
    assert (tmp_path / "x.log").read_bytes().endswith(b"line 0999\n")
    assert pump.last_lines()[-1] == "line 0999"


def test_a_log_is_continued_by_the_next_process(tmp_path: Path) -> None:
    for text in (b"first\n", b"second\n"):
        LogPump(io.BytesIO(text), tmp_path / "x.log").close()

    assert (tmp_path / "x.log").read_bytes() == b"first\nsecond\n"


def test_a_copy_is_made_once_and_can_be_run_by_all(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    wheel = tmp_path / "site" / "package"
    wheel.mkdir(parents=True, mode=0o700)
    (wheel / "server").write_text("#!/bin/sh\n")
    (wheel / "server").chmod(0o700)

    first = reachable_copy([wheel], base=tmp_path / "site", copies=tmp_path / "copies")
    again = reachable_copy([wheel], base=tmp_path / "site", copies=tmp_path / "copies")

    assert first == again
    assert (first / "package" / "server").stat().st_mode & 0o777 == 0o755
    assert (first / "package").stat().st_mode & 0o777 == 0o755


def test_another_version_is_another_copy(tmp_path: Path) -> None:
    wheel = tmp_path / "site" / "package"
    wheel.mkdir(parents=True)
    (wheel / "server").write_text("one")
    first = reachable_copy([wheel], base=tmp_path / "site", copies=tmp_path / "copies")
    (wheel / "server").write_text("another")

    second = reachable_copy([wheel], base=tmp_path / "site", copies=tmp_path / "copies")

    assert (first / "package" / "server").read_text() == "one"
    assert (second / "package" / "server").read_text() == "another"


@pytest.mark.parametrize(("mode", "reached"), [(0o700, False), (0o711, True), (0o755, True)])
def test_a_stranger_passes_open_folders_only(server_folder: Path, mode: int, reached: bool) -> None:
    folder = server_folder / f"m{mode:o}"
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)

    assert can_reach(folder / "data", STRANGER) is reached


def test_a_binary_that_is_a_server_by_its_name_alone_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "redis-check-rdb"
    tool.write_text('#!/bin/sh\n[ "${0##*/}" = redis-server ] && echo "Redis server v=7.0.15"\n')
    tool.chmod(0o755)
    (tmp_path / "redis-server").symlink_to(tool.name)
    monkeypatch.setattr(binaries, "_package_folder", lambda _: None)
    itself = Account(uid=os.getuid(), gid=os.getgid(), dropped=False)

    found = find_valkey(account=itself, copies=tmp_path / "copies", path=str(tmp_path))

    assert found == tmp_path / "redis-server"


def test_a_password_lasts_and_is_long(tmp_path: Path) -> None:
    first = lasting_password(tmp_path / "password")

    assert lasting_password(tmp_path / "password") == first
    assert len(first) >= 40
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600
