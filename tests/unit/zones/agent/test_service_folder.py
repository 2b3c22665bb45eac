import os
import stat
from pathlib import Path

import pytest

from zones.agent.service_folder import service_folder

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")


def test_a_service_gets_the_same_private_folder_again(tmp_path: Path) -> None:
    folder = service_folder(tmp_path, function="clock_sync", uid=None)
    assert folder is not None
    (folder / "x").write_text("kept")

    again = service_folder(tmp_path, function="clock_sync", uid=None)

    assert again == folder
    assert (folder / "x").read_text() == "kept"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_services_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = {service_folder(tmp_path, function=name, uid=None) for name in ("a", "b")}

    assert len(folders) == 2


@needs_root
def test_it_is_the_workers_and_can_be_reached(tmp_path: Path) -> None:
    folder = service_folder(tmp_path, function="clock_sync", uid=200_000)

    assert folder is not None
    assert folder.stat().st_uid == 200_000
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o711
    assert folder.parent.stat().st_uid == 0


def test_without_a_place_there_is_none(tmp_path: Path) -> None:
    assert service_folder(tmp_path / "missing", function="clock_sync", uid=None) is None
