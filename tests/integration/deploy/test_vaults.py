"""Both places of backups behind one port: a folder, and a server that speaks S3."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest

from deploy.backup.address import open_vault
from deploy.backup.failure import BackupFailure
from deploy.backup.vault import Vault, VaultUnavailable
from tests.e2e.free_ports import free_ports

PATIENCE_S = 30.0
BUCKET = "kept-safe"
UNSIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/{}/aws4_request, "
    "SignedHeaders=host, Signature=none"
)


@pytest.fixture(scope="module")
def s3_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A login of a running moto server that takes every signature.

    Where it checks them, it takes the query of a listing apart in another way than Amazon does.
    """
    with moto_server(tmp_path_factory.mktemp("s3"), unchecked_calls=None) as port:
        made = httpx.put(
            f"http://127.0.0.1:{port}/{BUCKET}", headers={"Authorization": UNSIGNED.format("s3")}
        )
        assert made.status_code == 200
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
        }


@pytest.fixture(scope="module")
def strict_environ(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A login of a moto server that signs each request again, and compares."""
    with moto_server(tmp_path_factory.mktemp("strict"), unchecked_calls=4) as port:
        yield {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"} | made_login(port)


@contextmanager
def moto_server(folder: Path, *, unchecked_calls: int | None) -> Iterator[int]:
    """A server's port; after so many calls it checks who calls, with None never."""
    program = os.environ.get("MOTO_SERVER") or shutil.which("moto_server")
    if program is None:
        pytest.skip("no moto_server: pip install 'moto[s3,server]' apart, name it MOTO_SERVER")
    port = free_ports(1)
    log = folder / "log"
    environ = dict(os.environ)
    if unchecked_calls is not None:
        environ["INITIAL_NO_AUTH_ACTION_COUNT"] = str(unchecked_calls)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)], stdout=file, stderr=file, env=environ
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline
            if process.poll() is not None:
                pytest.skip(f"moto_server does not start: {log.read_text()[-200:]}")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def made_login(port: int) -> dict[str, str]:
    """A user who may do all with S3, and a bucket; from then on every request is checked."""
    url = f"http://127.0.0.1:{port}"
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})

    def iam(action: str, **more: str) -> str:
        form = {"Action": action, "Version": "2010-05-08", "UserName": "keeper", **more}
        host = {"Host": "iam.amazonaws.com", "Authorization": UNSIGNED.format("iam")}
        answered = httpx.post(url, data=form, headers=host)
        assert answered.status_code == 200, answered.text
        return answered.text

    iam("CreateUser")
    made = ElementTree.fromstring(iam("CreateAccessKey"))
    iam("PutUserPolicy", PolicyName="all", PolicyDocument=policy)
    s3 = {"Authorization": UNSIGNED.format("s3")}
    assert httpx.put(f"{url}/{BUCKET}", headers=s3).status_code == 200
    return {
        "AWS_ACCESS_KEY_ID": made.findtext(".//{*}AccessKeyId") or "",
        "AWS_SECRET_ACCESS_KEY": made.findtext(".//{*}SecretAccessKey") or "",
    }


@pytest.fixture(params=["folder", "s3"])
def vault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vault]:
    if request.param == "folder":
        address, environ = str(tmp_path / "kept"), {}
    else:
        address = f"s3://{BUCKET}/{tmp_path.name}"
        environ = request.getfixturevalue("s3_environ")
    with open_vault(address, environ=environ) as opened:
        yield opened


def test_an_object_is_there_whole_until_it_is_deleted(vault: Vault) -> None:
    content = os.urandom(3 << 20)
    vault.put("a/b/000000", b"before")
    vault.put("a/b/000000", content)

    assert vault.get("a/b/000000") == content
    vault.delete("a/b/000000")
    vault.delete("a/b/000000")
    assert vault.get("a/b/000000") is None
    assert vault.get("a") is None


def test_names_are_listed_by_prefix_however_many(vault: Vault) -> None:
    names = [f"wal/{number:024X}" for number in range(1_005)]
    for name in (*names, "backups/x y/manifest.json", "covered.json"):
        vault.put(name, b"x")

    assert vault.names("wal/") == names
    assert vault.names("backups/") == ["backups/x y/manifest.json"]
    assert len(vault.names("")) == len(names) + 2
    assert vault.names("nothing/") == []


def test_requests_are_signed_as_the_server_signs_them(strict_environ: dict[str, str]) -> None:
    with open_vault(f"s3://{BUCKET}/some where", environ=strict_environ) as vault:
        vault.put("backups/1/manifest.json", b"signed")
        assert vault.get("backups/1/manifest.json") == b"signed"
        vault.delete("backups/1/manifest.json")
        assert vault.get("backups/1/manifest.json") is None


def test_a_wrong_secret_is_refused(strict_environ: dict[str, str]) -> None:
    wrong = strict_environ | {"AWS_SECRET_ACCESS_KEY": "another"}

    with (
        open_vault(f"s3://{BUCKET}/x", environ=wrong) as vault,
        pytest.raises(VaultUnavailable, match="SignatureDoesNotMatch"),
    ):
        vault.put("a", b"x")


def test_a_bucket_that_is_not_there(s3_environ: dict[str, str]) -> None:
    with (
        open_vault("s3://somewhere-else/x", environ=s3_environ) as vault,
        pytest.raises(VaultUnavailable, match="NoSuchBucket"),
    ):
        vault.get("a")


def test_a_folder_is_its_owners_alone(tmp_path: Path) -> None:
    with open_vault(str(tmp_path / "kept"), environ={}) as vault:
        vault.put("a/b", b"x")

    assert (tmp_path / "kept" / "a" / "b").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "kept" / "a").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("address", ["ftp://there/x", "s3://", "s3://Upper/x", "s3://bucket/x"])
def test_addresses_that_cannot_be_used(address: str) -> None:
    with pytest.raises(BackupFailure), open_vault(address, environ={}):
        pass


def test_an_endpoint_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.backup.s3_vault._FIRST_PAUSE_S", 0.0)
    environ = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    with (
        open_vault("s3://bucket/x", environ=environ) as vault,
        pytest.raises(VaultUnavailable),
    ):
        vault.put("a", b"x")
