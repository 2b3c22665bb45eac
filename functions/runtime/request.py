"""Who calls, as the gateway says it in the x-gridfaas-* headers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fastapi import Request


class NoCaller(Exception):
    """The request did not come through the gateway: a header is missing or unreadable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The caller's identity; `zone` is set only when a zone calls for the tenant.

    `zone_edges` are the zones whose edges' readings it may then bring, `incarnation` that of the
    platform's record as the gateway knows it, 0 when it does not say.
    """

    tenant: str
    role: str
    scopes: frozenset[str]
    subject: str
    zone: str | None
    zone_edges: frozenset[str]
    incarnation: int
    request_id: str
    call_id: str
    deadline_ms: int | None


def deadline_ms_of(headers: Mapping[bytes, bytes]) -> int | None:
    """Return the milliseconds that the gateway leaves for the call; None when it names none.

    For routes that need nothing else of the caller; same errors as `caller_of`.
    """
    if not headers.get(b"x-gridfaas-tenant") or not headers.get(b"x-gridfaas-role"):
        raise NoCaller("the request names no tenant and role")
    deadline = headers.get(b"x-gridfaas-deadline-ms")
    if deadline is None:
        return None
    if not deadline.isdigit():
        raise NoCaller(f"x-gridfaas-deadline-ms is {deadline!r}, not whole milliseconds")
    return int(deadline)


def caller_of(headers: Iterable[tuple[bytes, bytes]]) -> Caller:
    """Read the caller from ASGI headers (lower-case names, as in `scope["headers"]`).

    Only the gateway can reach a worker's socket and it strips these names from what a client
    sends, so they are trusted here.

    Raises:
        NoCaller: no tenant or role, or a deadline that is no number of milliseconds.
    """
    found = {name: value.decode("latin-1") for name, value in headers if name.startswith(b"x-")}
    tenant = found.get(b"x-gridfaas-tenant")
    role = found.get(b"x-gridfaas-role")
    if not tenant or not role:
        raise NoCaller("the request names no tenant and role")
    deadline = found.get(b"x-gridfaas-deadline-ms")
    if deadline is not None and not deadline.isdecimal():
        raise NoCaller(f"x-gridfaas-deadline-ms is {deadline!r}, not whole milliseconds")
    incarnation = found.get(b"x-gridfaas-incarnation", "0")
    return Caller(
        tenant=tenant,
        role=role,
        scopes=frozenset(found.get(b"x-gridfaas-scopes", "").split()),
        subject=found.get(b"x-gridfaas-subject", ""),
        zone=found.get(b"x-gridfaas-zone-credential"),
        incarnation=int(incarnation) if incarnation.isdecimal() else 0,
        zone_edges=frozenset(found.get(b"x-gridfaas-zone-edges", "").split()),
        request_id=found.get(b"x-request-id", ""),
        call_id=found.get(b"x-call-id", ""),
        deadline_ms=None if deadline is None else int(deadline),
    )


def caller(request: Request) -> Caller:
    """Give `Depends(caller)` to FastAPI routes; same errors as `caller_of`."""
    return caller_of(request.scope["headers"])
