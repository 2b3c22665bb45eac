"""The commands of `gridfaas`, each imported when it is asked for: most need little of the whole."""

import importlib

import click

MODULES = (
    *("up", "down", "status", "load", "link", "tenant", "key", "fn", "usage"),
    *("backup", "restore", "archive", "bench"),
)


class Commands(click.Group):
    """A group whose command NAME is `deploy.cli.NAME`'s object of that name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of use."""
        return list(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, None for an unknown one."""
        if cmd_name not in MODULES:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"deploy.cli.{cmd_name}"), cmd_name
        )
        return command
