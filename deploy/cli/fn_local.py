"""`gridfaas fn new` and `fn serve`: a function on its author's machine."""

import sys
from pathlib import Path

import click

from deploy.cli.control_plane import show
from deploy.cli.exit_codes import UNUSABLE_FUNCTION

LOCAL_CODES = """
    \b
    Exit codes:
      0   done
      1   it cannot be done; one line says why
      2   wrong arguments
      10  the folder holds no function that can be served
"""


@click.command(
    help=f"""Write a function that works, with its test, into a new folder.

    The folder is NAME, or --dir; NAME is what callers write in /function/NAME.
    {LOCAL_CODES}"""
)
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    help="Where to; a folder NAME here when left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def new(*, name: str, folder: Path | None, as_json: bool) -> None:
    # Imported here: the runtime is needed by nothing else that `gridfaas` does.
    from functions.runtime.template import FolderInUse, NameRefused, write_template

    place = folder or Path(name)
    try:
        written = write_template(place, name)
    except (FolderInUse, NameRefused) as error:
        raise click.UsageError(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or place}: {error.strerror}") from error
    names = sorted(str(path) for path in written)
    text = f"{place} has {', '.join(Path(one).name for one in names)}\n"
    text += f"next: gridfaas fn serve {place}, then gridfaas fn deploy {place}"
    show({"folder": str(place), "files": names}, as_json=as_json, text=text)


@click.command(
    help=f"""Serve the function in the folder DIR on this machine, with reload, until Ctrl-C.

    There are no stores and no other functions around it: context.hot and context.cold are None.
    --json prints what happens as objects.
    {LOCAL_CODES}"""
)
@click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65_535), default=8090, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print what happens as JSON lines.")
def serve(*, folder: Path, host: str, port: int, as_json: bool) -> None:
    from functions.runtime.local_server import AddressUnusable, NotAFunction
    from functions.runtime.local_server import serve as serve_here

    def say(line: str) -> None:
        show({"event": line}, as_json=as_json, text=line)

    try:
        serve_here(folder, host, port, say=say)
    except NotAFunction as error:
        click.echo(f"gridfaas: {error}", err=True)
        sys.exit(UNUSABLE_FUNCTION)
    except AddressUnusable as error:
        raise click.ClickException(str(error)) from error
