"""What the desk's routes share: bodies, who acts, and that the desk is at headquarters."""

from typing import TypeVar

import msgspec
from fastapi import Request, Response

from functions.mdms.ports import Backing
from functions.mdms.problems import NotInThisZone
from functions.mdms.readings_body import MalformedBody
from functions.mdms.request_body import content_encoding, header_map, read_request_body
from functions.runtime.request import Caller
from storage.cold.audit_log import Actor
from storage.cold.desk import PostgresDesk

OneOf = TypeVar("OneOf")


def desk_of(zone: Backing) -> PostgresDesk:
    """The desk.

    Raises:
        NotInThisZone: the zone is not headquarters.
    """
    if zone.desk is None:
        raise NotInThisZone(what="the desk of exceptions and edits", tiers=[1], tier=zone.tier)
    return zone.desk


def actor_of(known: Caller) -> Actor:
    """Who acts, by the key of the call."""
    return Actor(known.subject or known.role, known.role)


async def read_json(request: Request, decoder: msgspec.json.Decoder[OneOf], *, limit: int) -> OneOf:
    """The body of a request.

    Raises:
        MalformedBody, BodyTooLarge, UnsupportedMediaType, BadCoding: it cannot be taken.
    """
    headers = header_map(request.scope["headers"])
    content_encoding(headers, media_type="application/json", encodings=("identity",))
    raw = await read_request_body(request.receive, headers, limit=limit)
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedBody(str(error)) from error


def json_of(answer: object) -> Response:
    """An answer as JSON."""
    return Response(msgspec.json.encode(answer), media_type="application/json")
