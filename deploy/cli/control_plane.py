"""Calls to the platform's control plane at headquarters, for the commands that administer it."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx

from deploy.cli.exit_codes import NOT_RUNNING, REFUSED
from deploy.lab.home import Home, find_home
from deploy.lab.keys_file import read_keys
from deploy.lab.lock import running_lab
from deploy.lab.status_file import read_status

TIMEOUT_S = 30.0

EXIT_CODES = """
    \b
    Exit codes:
      0  done
      1  no answer; one line says why
      2  wrong arguments
      3  no lab is running here, and no --url was given
      8  the platform refused; the line is its reason
"""

_Command = TypeVar("_Command", bound=Callable[..., Any])


class ControlPlane:
    """The control plane of one headquarters, with one key."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {key}"}

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the answer's JSON, None for an empty one; end the command when it is refused.

        `path` is below `/v1/platform/`, or begins with a slash itself.
        """
        answer = self._answer(method, path, body)
        return answer.json() if answer.content else None

    def text(self, path: str) -> str:
        """Return the answer's text; end the command when it is refused."""
        return self._answer("GET", path, None).text

    def _answer(self, method: str, path: str, body: dict[str, Any] | None) -> httpx.Response:
        whole = path if path.startswith("/") else f"/v1/platform/{path}"
        try:
            answer = httpx.request(
                method,
                f"{self._url}{whole}",
                json=body,
                headers=self._headers,
                timeout=TIMEOUT_S,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise click.ClickException(f"{self._url}: {error or type(error).__name__}") from error
        if answer.is_success:
            return answer
        click.echo(f"gridfaas: refused: {reason_of(answer)}", err=True)
        sys.exit(REFUSED)


def control_options(command: _Command) -> _Command:
    """Add the options that say where the control plane is and who calls."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
        click.option(
            "--key-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="File with one API key; without it, the running lab's administrator.",
        ),
        click.option("--url", help="Headquarters' gateway; without it, the running lab's."),
    ):
        command = option(command)
    return command


def control_plane(*, url: str | None, key_file: Path | None) -> ControlPlane:
    """Return the control plane that the options name, else the running lab's."""
    home = find_home(environ=os.environ)
    key = _lab_key(home) if key_file is None else key_file.read_text().strip()
    return ControlPlane(url or _lab_url(home), key)


def show(answer: Any, *, as_json: bool, text: str) -> None:
    """Print an answer for a program or for people."""
    click.echo(json.dumps(answer) if as_json else text)


def _lab_url(home: Home) -> str:
    status = read_status(home) if running_lab(home.state) is not None else None
    if status is None:
        click.echo("gridfaas: no lab is running here; name one with --url", err=True)
        sys.exit(NOT_RUNNING)
    return next(status.gateways[zone.name] for zone in status.topology.zones if zone.tier == 1)


def _lab_key(home: Home) -> str:
    try:
        return read_keys(home.state / "keys.json").admin
    except FileNotFoundError:
        click.echo("gridfaas: no lab was ever up here; name a key with --key-file", err=True)
        sys.exit(NOT_RUNNING)


def reason_of(answer: httpx.Response) -> str:
    """Return a problem's type and detail, else the status."""
    try:
        problem = answer.json()
        return f"{problem['type'].rpartition(':')[2]}: {problem.get('detail', '')}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"
