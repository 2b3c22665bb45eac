"""`gridfaas fn deploy`: from a folder to a version that the zones can call."""

import ast
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from deploy.cli.control_plane import show
from deploy.cli.exit_codes import NOT_DEPLOYED, UNUSABLE_FUNCTION
from deploy.cli.fn_text import zone_text
from deploy.cli.fn_ways import Ways, find_ways, ways_options
from storage.platform.functions.bundle import BundleFault, BundleFile, pack_bundle, read_folder
from storage.platform.functions.folder import check_folder
from storage.platform.functions.spec_error import SpecError

POLL_S = 0.3
WAIT_S = 120.0


wait_option = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    default=WAIT_S,
    show_default=True,
    help="Seconds to wait for the zones; 0 to leave at once.",
)


@click.command(
    help="""Deploy the function in the folder DIR, and wait until zones can call it.

    The folder is checked here first. The same content again is the same version. Each zone
    fetches it, installs its requirements and only then switches; the version before serves until
    then. Zones that do not answer are named; they follow by themselves when they are back.

    \b
    Exit codes:
      0   every zone that answers has it ready, or runs none of it
      1   no answer; one line says why
      2   wrong arguments
      3   no lab is running here, and no --url was given
      8   the platform refused; the line is its reason
      10  the folder cannot be deployed; the line names file, line and field
      11  a zone says that it failed, or is not ready in time
    """
)
@click.argument(
    "folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@wait_option
@ways_options
def deploy(
    *,
    folder: Path,
    wait_s: float,
    tenant: str | None,
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    body = _packed(folder)
    ways = find_ways(tenant=tenant, url=url, key_file=key_file)
    gzip = {"content-type": "application/gzip"}
    made = ways.call("POST", "functions", content=body, headers=gzip)
    if not as_json:
        state = "is deployed" if made["created"] else "was deployed before and is in force"
        click.echo(f"version {made['version']} of {made['name']} {state}")
    show_zones(ways, made, within_s=wait_s, as_json=as_json)


def show_zones(ways: Ways, made: dict[str, Any], *, within_s: float, as_json: bool) -> None:
    """Print how far each zone is in the end; end the command where one is not ready in time."""
    zones = wait_for_zones(ways, made, within_s=within_s)
    text = "\n".join(zone_text(zone) for zone in zones)
    show({**made, "zones": zones}, as_json=as_json, text=text)
    if within_s and any(zone["state"] in ("failed", "preparing") for zone in zones):
        sys.exit(NOT_DEPLOYED)


def wait_for_zones(ways: Ways, made: dict[str, Any], *, within_s: float) -> list[dict[str, Any]]:
    """Ask every zone until each has the version `made` ready or failed, or the time is up.

    Ready also means that no worker of another version takes calls there any more. A zone that
    does not answer is `unreachable`.
    """
    deadline = time.monotonic() + within_s
    while True:
        zones = [_state(ways, zone, made) for zone in ways.gateways]
        pending = [zone for zone in zones if zone["state"] == "preparing"]
        if not pending or time.monotonic() >= deadline:
            return zones
        time.sleep(POLL_S)


def _state(ways: Ways, zone: str, made: dict[str, Any]) -> dict[str, Any]:
    version = made["version"]
    nothing = {"zone": zone, "version": version, "serving": 0, "instances": []}
    try:
        answer = ways.ask("GET", f"/v1/platform/functions/{made['name']}", zone=zone)
    except click.ClickException as error:
        return {**nothing, "state": "unreachable", "reason": error.message}
    if answer.status_code == 403:
        return {**nothing, "state": "elsewhere", "reason": "the tenant is not served there"}
    unheard = {"state": "preparing", "reason": "the zone has not heard of it yet"}
    if not answer.is_success:
        return nothing | unheard
    found: dict[str, Any] = answer.json()["zone"]
    if found["state"] == "elsewhere":
        return found
    if found["version"] != version or found["platform_version"] < made["platform_version"]:
        return found | unheard
    older = [one for one in found["instances"] if one["version"] != version]
    if found["state"] == "ready" and any(one["state"] == "ready" for one in older):
        reason = "workers of another version still take calls"
        return {**found, "state": "preparing", "reason": reason}
    return found


def _packed(folder: Path) -> bytes:
    try:
        files = read_folder(folder)
        check_folder(files)
        _check_syntax(files)
        return pack_bundle(files)
    except (SpecError, BundleFault) as error:
        place = str(folder).rstrip("/")
        joint = "/" if isinstance(error, SpecError) else ": "
        click.echo(f"gridfaas: {place}{joint}{error}", err=True)
        sys.exit(UNUSABLE_FUNCTION)
    except OSError as error:
        raise click.ClickException(f"{error.filename or folder}: {error.strerror}") from error


def _check_syntax(files: Iterable[BundleFile]) -> None:
    """Find what would only fail in the zones, where nobody looks.

    Raises:
        SpecError: a module of the folder is not Python.
    """
    for file in files:
        if not file.path.endswith(".py"):
            continue
        try:
            ast.parse(file.content, filename=file.path)
        except (SyntaxError, ValueError) as error:
            raise SpecError(
                file=file.path,
                line=getattr(error, "lineno", None),
                reason=getattr(error, "msg", None) or str(error),
                advice="it is not Python of this version",
            ) from error
