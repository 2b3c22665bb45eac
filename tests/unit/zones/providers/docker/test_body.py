from pathlib import Path
from typing import Any

import msgspec
import pytest

from zones.providers.docker.body import (
    FolderOutside,
    NoUserOfOurs,
    Site,
    container_options,
    decode_site,
    encode_site,
)
from zones.providers.docker.frames import Start, encoder, order_decoder


def site(root: Path, **change: Any) -> Site:
    (root / "c" / "0a1b").mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {
        "installation": "abc",
        "zone": "zone-3a",
        "image": "gridfaas-worker:local",
        "channels": root / "c",
        "roots": (root,),
        "shared": (Path("/run/kv"),),
    }
    return Site(**facts | change)


def order(**change: Any) -> Start:
    facts: dict[str, Any] = {
        "id": "0a1b",
        "tenant": "acme",
        "function": "peak",
        "version": 3,
        "uid": 200_001,
        "gid": 200_001,
        "memory_mb": 128,
        "cpu": 0.5,
        "pids": 16,
        "disk_mb": 8,
    }
    return Start(**facts | change)


def test_a_container_may_do_nothing_that_a_function_does_not_need(tmp_path: Path) -> None:
    container, host = container_options(order(), site(tmp_path))

    assert host["network_mode"] == "none"
    assert host["read_only"] is True
    assert host["privileged"] is False
    assert host["cap_drop"] == ["ALL"]
    assert host["security_opt"] == ["no-new-privileges:true"]
    assert host["memswap_limit"] == host["mem_limit"] == (96 + 128 + 8) << 20
    assert (host["pids_limit"], host["nano_cpus"]) == (18, 500_000_000)
    assert all(mount["ReadOnly"] and mount["Type"] == "bind" for mount in host["mounts"])
    assert container["user"] == "200001:200001"
    assert "environment" not in container


def test_a_container_sees_its_channel_its_code_and_the_stores_sockets(tmp_path: Path) -> None:
    code, env = tmp_path / "digest" / "code", tmp_path / "digest" / "env"
    for folder in (code, env):
        folder.mkdir(parents=True)

    _, host = container_options(order(folder=str(code), env=str(env)), site(tmp_path))

    assert {mount["Source"]: mount["Target"] for mount in host["mounts"]} == {
        str(tmp_path / "c" / "0a1b"): "/run/gridfaas",
        str(code): str(code),
        str(env): str(env),
        "/run/kv": "/run/kv",
    }


def test_a_spawner_in_a_container_names_folders_as_the_engine_knows_them(tmp_path: Path) -> None:
    code = tmp_path / "digest" / "code"
    code.mkdir(parents=True)
    mounted = {
        str(tmp_path): "/engine/functions",
        "/run/kv": "/engine/kv",
        str(tmp_path / "c"): "/engine/c",
    }

    _, host = container_options(order(folder=str(code)), site(tmp_path, mounted=mounted))

    assert {mount["Source"]: mount["Target"] for mount in host["mounts"]} == {
        "/engine/c/0a1b": "/run/gridfaas",
        "/engine/functions/digest/code": str(code),
        "/engine/kv": "/run/kv",
    }


def test_a_spawner_in_a_container_mounts_nothing_that_it_does_not_share(tmp_path: Path) -> None:
    mounted = {str(tmp_path / "c"): "/engine/c", "/run/kv": "/engine/kv"}
    (tmp_path / "code").mkdir()

    with pytest.raises(FolderOutside):
        container_options(order(folder=str(tmp_path / "code")), site(tmp_path, mounted=mounted))


@pytest.mark.parametrize("change", [{"uid": 999}, {"gid": 999}])
def test_a_user_of_the_machine_is_refused(tmp_path: Path, change: dict[str, int]) -> None:
    with pytest.raises(NoUserOfOurs):
        container_options(order(**change), site(tmp_path, lowest_uid=200_000))


def test_a_channel_that_is_a_link_is_refused(tmp_path: Path) -> None:
    bound = site(tmp_path)
    (tmp_path / "c" / "0a1b").rmdir()
    (tmp_path / "c" / "0a1b").symlink_to("/etc")

    with pytest.raises(FolderOutside):
        container_options(order(), bound)


@pytest.mark.parametrize(
    "folder",
    [
        pytest.param("/etc", id="somewhere_else"),
        pytest.param("{root}/../other", id="up_and_out"),
        pytest.param("{root}/link", id="through_a_link"),
        pytest.param("{root}/absent", id="nothing_there"),
        pytest.param("{root}", id="the_root_itself_with_every_tenants_code"),
    ],
)
def test_a_folder_outside_of_the_roots_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "link").symlink_to("/etc")

    with pytest.raises(FolderOutside):
        container_options(order(folder=folder.format(root=tmp_path)), site(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"uid": 0}, id="root"),
        pytest.param({"id": "../x"}, id="an_id_that_is_a_path"),
        pytest.param({"tenant": "a b"}, id="a_tenant_that_is_none"),
        pytest.param({"pids": 0}, id="no_bound_on_processes"),
        pytest.param({"disk_mb": 0}, id="no_bound_on_the_disk"),
    ],
)
def test_an_order_out_of_range_is_not_read(change: dict[str, Any]) -> None:
    sent = encoder.encode(order(**change))

    with pytest.raises(msgspec.ValidationError):
        order_decoder.decode(sent)


def test_an_order_has_these_fields_and_no_others() -> None:
    assert set(Start.__struct_fields__) == {
        *("id", "tenant", "function", "version", "uid", "gid"),
        *("memory_mb", "cpu", "pids", "disk_mb", "folder", "env"),
    }


def test_a_site_travels_as_text(tmp_path: Path) -> None:
    sites = [site(tmp_path), site(tmp_path, mounted={"/run/kv": "/engine/kv"})]

    assert [decode_site(encode_site(one)) for one in sites] == sites
