from collections.abc import Iterator

import click
import pytest

from deploy.cli.main import group

# It prints one word, for `$(gridfaas key show TENANT)`.
PLAIN = {"key show"}


def leaves(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from leaves(found, (*path, name))
    else:
        yield " ".join(path), command


COMMANDS = dict(leaves(group))


def test_the_commands_are_those_of_the_design_so_far() -> None:
    assert set(COMMANDS) >= {"up", "down", "status", "load", "tenant create", "key revoke"}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_says_what_it_does_and_what_its_exit_codes_mean(name: str) -> None:
    command = COMMANDS[name]
    help_text = command.get_help(click.Context(command))

    assert command.help
    if not name.startswith("bench"):
        assert "Exit codes" in help_text


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - PLAIN))
def test_each_can_speak_json(name: str) -> None:
    options = {flag for parameter in COMMANDS[name].params for flag in parameter.opts}

    assert "--json" in options


def test_an_unknown_command_is_none() -> None:
    assert group.get_command(click.Context(group), "utils") is None
