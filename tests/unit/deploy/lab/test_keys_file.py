from pathlib import Path

from deploy.lab.keys_file import first_showing, lasting_keys


def test_the_next_start_has_the_same_keys(tmp_path: Path) -> None:
    first = lasting_keys(tmp_path / "keys.json", tenants=["acme"], zones=["zone-2"])
    second = lasting_keys(tmp_path / "keys.json", tenants=["acme", "bolt"], zones=["zone-2"])

    assert second.tenants["acme"] == first.tenants["acme"]
    assert second.zones == first.zones
    assert second.admin == first.admin


def test_no_two_keys_are_the_same(tmp_path: Path) -> None:
    keys = lasting_keys(tmp_path / "keys.json", tenants=["acme", "bolt"], zones=["z-2", "z-3"])

    texts = [keys.admin, *keys.tenants.values(), *keys.zones.values()]
    assert len(set(texts)) == 5


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    lasting_keys(tmp_path / "keys.json", tenants=["acme"], zones=[])

    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_keys_are_shown_once(tmp_path: Path) -> None:
    assert [first_showing(tmp_path) for _ in range(3)] == [True, False, False]
