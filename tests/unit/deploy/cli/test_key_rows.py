from pathlib import Path

from deploy.cli.key_rows import HOW_TO, key_rows
from deploy.lab.keys_file import lasting_keys


def test_keys_are_shown_the_first_time_and_never_again(tmp_path: Path) -> None:
    keys = lasting_keys(tmp_path / "keys.json", tenants=["acme", "bolt"], zones=["zone-2"])

    first, second = (key_rows(tmp_path, keys) for _ in range(2))

    assert dict(first)["key acme"] == keys.tenants["acme"]
    assert not any(text in str(second) for text in keys.tenants.values())
    assert not any(text in str(first + second) for text in (keys.admin, keys.zones["zone-2"]))
    assert ("", HOW_TO) in second
    assert dict(second)["keys are kept in"] == str(tmp_path / "keys.json")
