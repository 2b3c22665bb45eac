"""`gridfaas fn invoke`: one call of a function, now or later."""

import json
import sys
from pathlib import Path
from typing import Any

import click
import httpx

from deploy.cli.exit_codes import CALL_FAILED
from deploy.cli.fn_ways import find_ways, ways_options


@click.command(
    help="""Call a function once and print what it answers.

    --data is the body: a text, @FILE for a file's content, @- for standard input. A body that is
    JSON is sent as application/json. With --async the call is kept and made later, also if
    something fails meanwhile; its id is printed, and /v1/calls/ID has the result.

    \b
    Exit codes:
      0   it answered with a status below 400
      1   no answer; one line says why
      2   wrong arguments
      3   no lab is running here, and no --url was given
      12  it answered with 400 or above, which is printed too
    """
)
@click.argument("name")
@click.option("--data", default="", help="The body: text, @FILE or @-.")
@click.option("--path", default="", help="What follows the name in the URL, such as /x?y=1.")
@click.option("--method", default="POST", show_default=True)
@click.option("--header", "headers", multiple=True, help="As name:value; may be repeated.")
@click.option("--zone", help="The zone whose gateway is called; headquarters when left out.")
@click.option("--async", "later", is_flag=True, help="Have it called later.")
@ways_options
def invoke(
    *,
    name: str,
    data: str,
    path: str,
    method: str,
    headers: tuple[str, ...],
    zone: str | None,
    later: bool,
    tenant: str | None,
    url: str | None,
    key_file: Path | None,
    as_json: bool,
) -> None:
    body = _body(data)
    ways = find_ways(tenant=tenant, url=url, key_file=key_file)
    if ways.asked_for is not None and key_file is None:
        raise click.UsageError(
            f"a call needs a key of tenant {ways.asked_for}: make one with"
            f" `gridfaas key create --tenant {ways.asked_for}` and name it with --key-file"
        )
    below = path if not path or path[0] in "/?" else f"/{path}"
    answer = ways.ask(
        method.upper(),
        f"/{'async-function' if later else 'function'}/{name}{below}",
        zone=ways.zone(zone),
        content=body,
        headers=_headers(headers, body),
    )
    call_id = answer.headers.get("x-call-id")
    if as_json:
        shown = {"status": answer.status_code, "headers": dict(answer.headers)}
        click.echo(json.dumps({**shown, "call_id": call_id, "body": _shown(answer)}))
    elif later and answer.is_success:
        click.echo(call_id)
    else:
        click.echo(answer.content, nl=not answer.content.endswith(b"\n"))
    if answer.status_code >= 400:
        click.echo(f"gridfaas: {name} answered {answer.status_code}", err=True)
        sys.exit(CALL_FAILED)


def _body(data: str) -> bytes:
    if data == "@-":
        return sys.stdin.buffer.read()
    if data.startswith("@"):
        try:
            return Path(data[1:]).read_bytes()
        except OSError as error:
            raise click.UsageError(f"{data[1:]}: {error.strerror}") from error
    return data.encode()


def _headers(given: tuple[str, ...], body: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for header in given:
        name, colon, value = header.partition(":")
        if not colon:
            raise click.UsageError(f"{header!r} is no header: write name:value")
        headers[name.strip().lower()] = value.strip()
    if "content-type" not in headers and body:
        headers["content-type"] = "application/json" if _is_json(body) else "text/plain"
    return headers


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _shown(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text
