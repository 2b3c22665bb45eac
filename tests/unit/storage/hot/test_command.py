"""Commands on the wire are those that hiredis packs one by one."""

from typing import Any

import hiredis
import pytest

from storage.hot.command import pack_command, pack_each

NAMES = [f"acme:b:20000:900:1-0:1.8.0/M{number:06}" for number in range(40)]


def flat(command: tuple[Any, ...]) -> tuple[Any, ...]:
    spread: list[Any] = []
    for part in command:
        spread += [part] if isinstance(part, str | bytes | int) else list(part)
    return tuple(spread)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("PING",), id="alone"),
        pytest.param(
            ("FCALL", "f", 44, ("a", "b"), NAMES, ("zone", 1 << 40, b"\0\r\n$")), id="many"
        ),
        pytest.param(("MGET", NAMES), id="at_the_end"),
        pytest.param((NAMES, NAMES), id="nothing_else"),
        pytest.param(("MGET", NAMES[:3]), id="few"),
        pytest.param(("MGET", [*NAMES, "longer than the others" * 3]), id="of_two_lengths"),
        pytest.param(("MGET", ["\u00fc" * 30] * 40), id="not_ascii"),
        pytest.param(("DEL", [b"bytes"] * 40, [7] * 40, ["", ""] * 20), id="other_kinds_and_empty"),
        pytest.param(("EVAL", [], "x"), id="an_empty_sequence"),
    ],
)
def test_packed_as_one_by_one(command: tuple[Any, ...]) -> None:
    assert pack_command(command) == hiredis.pack_command(flat(command))


@pytest.mark.parametrize("after", [(), (0, b"\0\r\n")])
@pytest.mark.parametrize("names", [[], [*NAMES, "short"], ["\u00fc" * 30, ""]])
def test_one_command_a_name(names: list[str], after: tuple[int | bytes, ...]) -> None:
    one_by_one = [pack_command(("GETRANGE", name, *after)) for name in names]
    assert pack_each(("GETRANGE",), names, after) == one_by_one
