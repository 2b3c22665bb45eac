"""`gridfaas link`: orders to a running process of links, as a user gives them."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.integration.zones.links.link_process import LinkProcess, running_link

LINK, FIBRE, RADIO = "zone-2-to-zone-1", "fibre-600km", "microwave-600km"
COMMAND = "from deploy.cli.main import main; main()"
TARGET = 9
"""Nobody connects in these tests."""


async def given(*arguments: str, control: Path, home: Path) -> tuple[int, str]:
    """Run the command; its exit code, and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, "link", *arguments),
        env={**os.environ, "GRIDFAAS_LINK_CONTROL": str(control), "GRIDFAAS_HOME": str(home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def path_of(link: LinkProcess, name: str) -> dict[str, object]:
    paths = (await link.control.get(f"/v1/links/{LINK}")).json()["paths"]
    (found,) = (path for path in paths if path["path"] == name)
    shown: dict[str, object] = found
    return shown


async def test_a_path_is_cut_and_mended(tmp_path: Path) -> None:
    async with running_link(TARGET) as link:
        control = link.control_path
        code, shown = await given("cut", LINK, FIBRE, control=control, home=tmp_path)
        assert (code, (await path_of(link, FIBRE))["state"]) == (0, "failed")
        assert f"{FIBRE}" in shown
        assert "failed" in shown
        code, shown = await given("mend", LINK, FIBRE, "--json", control=control, home=tmp_path)
        assert (code, (await path_of(link, FIBRE))["state"]) == (0, "working")
        assert json.loads(shown)["link"] == LINK
        code, shown = await given("show", control=control, home=tmp_path)
        assert (code, LINK in shown, "34.368 Mbit/s" in shown) == (0, True, True)
        assert await given("break", LINK, control=control, home=tmp_path) == (
            0,
            "0 connections are broken\n",
        )


async def test_figures_are_set_for_the_directions_that_are_named(tmp_path: Path) -> None:
    async with running_link(TARGET) as link:
        arguments = ("set", LINK, RADIO, "--direction", "up", "--delay-ms", "50", "--loss", "0.1")
        code, shown = await given(*arguments, control=link.control_path, home=tmp_path)
        assert code == 0, shown
        one_way = await path_of(link, RADIO)
        arguments = ("set", LINK, RADIO, "--rate-mbps", "none")
        code, shown = await given(*arguments, control=link.control_path, home=tmp_path)
        assert code == 0, shown
        assert "no limit" in shown
        both_ways = await path_of(link, RADIO)

    figures = {"delay_ms": 8.0, "jitter_ms": 1.2, "rate_mbps": 34.368, "loss": 0.0001}
    carried = {"bytes": 0, "lost_bytes": 0}
    assert one_way["up"] == figures | {"delay_ms": 50.0, "loss": 0.1} | carried
    assert one_way["down"] == figures | carried
    assert both_ways["up"] == figures | {"delay_ms": 50.0, "loss": 0.1, "rate_mbps": None} | carried
    assert both_ways["down"] == figures | {"rate_mbps": None} | carried


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("cut", LINK, "satellite"), 1, "no path 'satellite'"),
        (("cut", "zone-9-to-zone-8", FIBRE), 1, "no link 'zone-9-to-zone-8'"),
        (("set", LINK, FIBRE, "--jitter-ms", "99"), 1, "jitter_ms 99"),
        (("set", LINK, FIBRE), 2, "say which figure"),
        (("set", LINK, FIBRE, "--rate-mbps", "fast"), 2, "neither a number nor none"),
        (("set", LINK, FIBRE, "--loss", "1"), 2, "--loss"),
    ],
    ids=["path", "link", "jitter", "nothing", "rate", "loss"],
)
async def test_a_wrong_order_is_refused_in_a_line(
    tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    async with running_link(TARGET) as link:
        done = await given(*arguments, control=link.control_path, home=tmp_path)

    assert (done[0], said in done[1], "Traceback" in done[1]) == (code, True, False), done


async def test_without_links_it_says_how_to_have_some(tmp_path: Path) -> None:
    code, said = await given("show", control=tmp_path / "nobody", home=tmp_path)

    assert (code, "up --links fc-ec" in said) == (3, True)
