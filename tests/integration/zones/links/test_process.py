"""The process: carries on uvloop, is controlled on its private socket, shows what it carried."""

import asyncio
import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.zones.links.conftest import Upstream
from tests.integration.zones.links.link_process import ROOT, environment, running_link

LINK = "zone-2-to-zone-1"
FIBRE, RADIO = "fibre-600km", "microwave-600km"
WITHIN_S = 30.0


async def exchange(port: int, data: bytes) -> bytes:
    async with asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = asyncio.ensure_future(reader.read())
        writer.write(data)
        writer.write_eof()
        back = await answer
        writer.close()
    return back


async def test_what_crosses_is_whole_and_counted_by_path(upstream: Upstream) -> None:
    data = random.Random(1).randbytes(2_000_000)
    async with running_link(upstream.port) as link:
        assert await exchange(link.port, data) == data
        assert (await link.patch(FIBRE, state="failed")).status_code == 200
        assert await exchange(link.port, data[:1_000]) == data[:1_000]
        shown = await link.metrics()

    assert upstream.digests[0] == hashlib.sha256(data).hexdigest()
    for direction in ("up", "down"):
        assert shown["gridfaas_emulated_link_bytes_total", direction, LINK, FIBRE] == 2_000_000
        assert shown["gridfaas_emulated_link_bytes_total", direction, LINK, RADIO] == 1_000
        assert shown["gridfaas_emulated_link_lost_bytes_total", direction, LINK, FIBRE] == 0
        assert (
            shown["gridfaas_emulated_link_derived_segments_total", direction, LINK, FIBRE] >= 1_382
        )
        assert shown["gridfaas_emulated_link_held_bytes", direction, LINK] == 0
    assert shown["gridfaas_emulated_link_path_up", LINK, FIBRE] == 0
    assert shown["gridfaas_emulated_link_path_used", LINK, RADIO] == 1
    assert shown["gridfaas_emulated_link_takeovers_total", LINK, RADIO] == 1
    assert shown["gridfaas_emulated_link_takeover_seconds", LINK] == pytest.approx(0.05)
    assert shown["gridfaas_emulated_link_outage_seconds_total", LINK] == pytest.approx(0.05)
    assert shown["gridfaas_emulated_link_connections_opened_total", LINK] == 2
    assert shown["gridfaas_emulated_link_rate_bits_per_second", "up", LINK, RADIO] == 34_368_000


async def test_a_path_is_given_other_figures(upstream: Upstream) -> None:
    async with running_link(upstream.port) as link:
        changed = await link.patch(
            RADIO, up={"delay_ms": 50, "rate_mbps": None}, down={"loss": 0.5}
        )
        listed = (await link.control.get("/v1/links")).json()["links"]

    assert changed.status_code == 200
    (one,) = listed
    assert (one["link"], one["path_in_use"]) == (LINK, FIBRE)
    radio = next(path for path in one["paths"] if path["path"] == RADIO)
    assert radio["up"] == {
        "delay_ms": 50.0,
        "jitter_ms": 1.2,
        "rate_mbps": None,
        "loss": 0.0001,
        "bytes": 0,
        "lost_bytes": 0,
    }
    assert (radio["down"]["loss"], radio["down"]["delay_ms"]) == (0.5, 8.0)


async def test_connections_are_broken_when_told_so(upstream: Upstream) -> None:
    async with running_link(upstream.port) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"x")
        await reader.readexactly(1)
        answer = await link.control.delete(f"/v1/links/{LINK}/connections")

        assert answer.json() == {"broken": 1}
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), WITHIN_S)
        writer.transport.abort()
        assert (await link.metrics())["gridfaas_emulated_link_connections_broken_total", LINK] == 1


PATCHED = f"/v1/links/{LINK}/paths/{FIBRE}"
WRONG: list[tuple[str, str, bytes, int, str]] = [
    ("PATCH", PATCHED, b"{", 400, "malformed-body"),
    ("PATCH", PATCHED, b'{"state":"tired"}', 400, "malformed-body"),
    ("PATCH", PATCHED, b'{"up":{"loss":1}}', 400, "malformed-body"),
    ("PATCH", PATCHED, b'{"up":{"mtu":9}}', 400, "malformed-body"),
    ("PATCH", PATCHED, b'{"up":{"loss":0.5},"down":{"jitter_ms":9}}', 400, "malformed-body"),
    ("PATCH", PATCHED, b" " * 70_000, 413, "body-too-large"),
    ("PATCH", f"/v1/links/{LINK}/paths/satellite", b"{}", 404, "not-found"),
    ("GET", "/v1/links/zone-9-to-zone-8", b"", 404, "not-found"),
    ("GET", "/v1/nothing", b"", 404, "not-found"),
    ("POST", "/v1/links", b"", 405, "method-not-allowed"),
]


async def test_a_wrong_order_is_refused_and_changes_nothing(upstream: Upstream) -> None:
    async with running_link(upstream.port) as link:
        before = (await link.control.get("/v1/links")).json()
        for method, path, body, status, slug in WRONG:
            answer = await link.control.request(method, path, content=body)
            problem: dict[str, Any] = answer.json()

            assert answer.headers["content-type"] == "application/problem+json"
            assert (answer.status_code, problem["status"]) == (status, status), body
            assert problem["type"] == f"urn:gridfaas:problem:{slug}"
            assert (await link.control.get("/v1/links")).json() == before


async def test_the_control_socket_is_its_owners_alone(upstream: Upstream) -> None:
    async with running_link(upstream.port) as link:
        state = link.control_path.stat()
        public = await link.shown.get("/v1/links")

    assert (state.st_mode & 0o777, state.st_uid) == (0o600, os.geteuid())
    assert public.status_code == 404


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"GRIDFAAS_LINK_ROUTES": "[]"}, "routes", id="no_routes"),
        pytest.param(
            {
                "GRIDFAAS_LINK_ROUTES": '[{"link":"zone-2-to-zone-1","listen":"8080",'
                '"target":"127.0.0.1:1"}]'
            },
            "not host:port",
            id="no_host",
        ),
        pytest.param(
            {
                "GRIDFAAS_LINK_ROUTES": '[{"link":"sea","listen":"127.0.0.1:1",'
                '"target":"127.0.0.1:1"}]'
            },
            "no link 'sea', but zone-2-to-zone-1",
            id="no_such_link",
        ),
        pytest.param({"GRIDFAAS_LINK_DESIGN": "/nowhere.yaml"}, "/nowhere.yaml", id="no_design"),
        pytest.param({"GRIDFAAS_LINK_METRICS": "203.0.113.1:1"}, "address", id="not_ours"),
    ],
)
def test_it_does_not_start_otherwise_than_told(
    tmp_path: Path, change: dict[str, str], said: str
) -> None:
    env = environment(tmp_path, port=29_998, target=1) | change
    done = subprocess.run(
        [sys.executable, "-m", "zones.links"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def ordered(control: Path, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "zones.links.orders", *arguments),
        env={"PYTHONPATH": str(ROOT), "GRIDFAAS_LINK_CONTROL": str(control)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode is not None
    return process.returncode, (out or err).decode()


async def test_orders_are_given_from_a_shell(upstream: Upstream, tmp_path: Path) -> None:
    async with running_link(upstream.port) as link:
        control = link.control_path
        code, shown = await ordered(control)
        assert (code, json.loads(shown)["links"][0]["path_in_use"]) == (0, FIBRE)
        code, shown = await ordered(control, LINK, FIBRE, "failed")
        assert (code, json.loads(shown)["paths"][0]["state"]) == (0, "failed")
        code, shown = await ordered(control, LINK, FIBRE, "working")
        assert (code, json.loads(shown)["paths"][0]["state"]) == (0, "working")
        code, shown = await ordered(control, LINK, RADIO, '{"down": {"delay_ms": 99}}')
        assert (code, json.loads(shown)["paths"][1]["down"]["delay_ms"]) == (0, 99)
        assert await ordered(control, LINK, "break") == (0, '{\n "broken": 0\n}\n')
        for arguments, code, said in (
            ((LINK, "satellite", "failed"), 1, "no path 'satellite'"),
            ((LINK, FIBRE, "tired"), 2, "neither working nor failed nor JSON"),
            ((LINK,), 2, "python -m zones.links.orders"),
        ):
            done = await ordered(control, *arguments)
            assert (done[0], said in done[1]) == (code, True), done

    code, said = await ordered(tmp_path / "nobody.sock")
    assert (code, "nobody.sock" in said, "Traceback" in said) == (1, True, False)
