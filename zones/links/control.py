"""The control API on a unix socket: look at links, cut and mend paths, give them other figures."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from zones.links.medium import DIRECTIONS, Direction, Line, NotNegative, Positive, Share
from zones.links.relay import Relay

MOST_BODY_BYTES = 64 * 1024


class LineChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a direction is to be other than it is."""

    delay_ms: NotNegative | msgspec.UnsetType = msgspec.UNSET
    jitter_ms: NotNegative | msgspec.UnsetType = msgspec.UNSET
    rate_mbps: Positive | msgspec.UnsetType | None = msgspec.UNSET
    loss: Share | msgspec.UnsetType = msgspec.UNSET

    def applied_to(self, line: Line) -> Line:
        """Return the changed line; ValueError when jitter would be above delay."""
        return Line(**(msgspec.structs.asdict(line) | msgspec.to_builtins(self)))


class PathChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a path is to be other than it is."""

    state: Literal["working", "failed"] | msgspec.UnsetType = msgspec.UNSET
    up: LineChange = LineChange()
    down: LineChange = LineChange()

    def of(self, direction: Direction) -> LineChange:
        """Return the change of a direction."""
        return self.up if direction == "up" else self.down


class LinkControl:
    """Routes over the links of this process."""

    def __init__(self, relays: Sequence[Relay]) -> None:
        self._relays = {relay.link.name: relay for relay in relays}

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/links", self._list),
                Route("/v1/links/{link}", self._one),
                Route("/v1/links/{link}/paths/{path}", self._change, methods=["PATCH"]),
                Route("/v1/links/{link}/connections", self._break, methods=["DELETE"]),
            ],
            exception_handlers={HTTPException: _problem},
        )

    async def _list(self, request: Request) -> Response:
        return _json({"links": [_shown(relay) for relay in self._relays.values()]})

    async def _one(self, request: Request) -> Response:
        return _json(_shown(self._relay(request)))

    async def _change(self, request: Request) -> Response:
        relay, path = self._relay(request), request.path_params["path"]
        try:
            change = msgspec.json.decode(await _body(request), type=PathChange)
        except msgspec.DecodeError as error:
            raise HTTPException(400, str(error)) from error
        lanes = relay.link.lanes.get(path)
        if lanes is None:
            raise HTTPException(404, f"{relay.link.name} has no path {path!r}")
        try:
            lines = {one: change.of(one).applied_to(lanes[one].line) for one in DIRECTIONS}
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        for direction, line in lines.items():
            relay.change(path, direction, line)
        if change.state == "failed":
            relay.fail(path)
        elif change.state == "working":
            relay.restore(path)
        return _json(_shown(relay))

    async def _break(self, request: Request) -> Response:
        return _json({"broken": self._relay(request).break_all()})

    def _relay(self, request: Request) -> Relay:
        name = request.path_params["link"]
        try:
            return self._relays[name]
        except KeyError:
            raise HTTPException(404, f"no link {name!r} here") from None


def _shown(relay: Relay) -> dict[str, Any]:
    link, choice = relay.link, relay.link.choice
    return {
        "link": link.name,
        "path_in_use": choice.active,
        "open_connections": relay.open_connections,
        "takeover_s": choice.last_gap_s,
        "paths": [
            {
                "path": path,
                "state": "working" if choice.works(path) else "failed",
                "takeovers": choice.changes[path],
            }
            | {
                direction: msgspec.to_builtins(lane.line)
                | {"bytes": lane.carried.bytes, "lost_bytes": lane.carried.lost_bytes}
                for direction, lane in lanes.items()
            }
            for path, lanes in link.lanes.items()
        ],
    }


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            raise HTTPException(413, f"a body has at most {MOST_BODY_BYTES} bytes")
    return body


def _json(content: Any, *, status: int = 200, kind: str = "application/json") -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type=kind)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slugs = {400: "malformed-body", 404: "not-found", 405: "method-not-allowed"}
    slug = slugs.get(error.status_code, "body-too-large")
    content = {
        "type": f"urn:gridfaas:problem:{slug}",
        "title": slug.replace("-", " ").capitalize(),
        "status": error.status_code,
        "detail": error.detail,
    }
    return _json(content, status=error.status_code, kind="application/problem+json")
