"""Secrets of services that serve some tenants only, as files of the zone."""

from pathlib import Path

import pytest

from storage.platform.functions.spec import FunctionSpec
from zones.agent.service_secrets import MAX_BYTES, ServiceSecrets

SPEC = FunctionSpec(name="mqtt_intake", opt_in=True, secrets=["broker_url", "password"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mqtt_intake" / "acme"
    folder.mkdir(parents=True)
    return folder


def test_a_tenant_without_a_folder_is_not_served(tmp_path: Path, folder: Path) -> None:
    (folder / "password").write_text("p")

    assert ServiceSecrets(tmp_path).of(SPEC, "basra") is None
    assert ServiceSecrets(None).of(SPEC, "acme") is None


def test_the_named_files_are_read_each_time(tmp_path: Path, folder: Path) -> None:
    secrets = ServiceSecrets(tmp_path)
    (folder / "password").write_text("first\n")
    (folder / "other").write_text("not asked for")

    assert secrets.of(SPEC, "acme") == (("password", "first"),)
    (folder / "password").write_text("second")
    (folder / "broker_url").write_text("mqtt://b")
    assert secrets.of(SPEC, "acme") == (("broker_url", "mqtt://b"), ("password", "second"))


@pytest.mark.parametrize("content", [b"x" * (MAX_BYTES + 1), b"\xff", b" \n"])
def test_what_is_no_secret_counts_as_missing(tmp_path: Path, folder: Path, content: bytes) -> None:
    (folder / "password").write_bytes(content)

    assert ServiceSecrets(tmp_path).of(SPEC, "acme") == ()
