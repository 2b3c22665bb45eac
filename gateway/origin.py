"""Calls that the zone itself makes in a tenant's name: for later, by a topic, by a schedule."""

import re
from collections.abc import Mapping
from dataclasses import replace

from gateway.keyring import Caller
from gateway.request_head import MalformedRequest
from storage.platform.functions.spec import FunctionSpec

ORIGINS = frozenset({"async", "topic", "schedule"})
_SUBJECT = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_CALL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Origin:
    """Who asked for a call, which call it is, and its `attempt`, from 1."""

    __slots__ = ("attempt", "call_id", "kind", "subject")

    def __init__(self, *, kind: str, subject: str, call_id: str, attempt: int) -> None:
        self.kind = kind
        self.subject = subject
        self.call_id = call_id
        self.attempt = attempt

    def caller(self, zone: Caller, *, tenant: str, function: FunctionSpec) -> Caller:
        """Return whom the function is called by, in place of the zone that brings the call.

        Its right to call was judged when it asked, so it has the scopes of the function.
        """
        return replace(
            zone,
            key_id=self.subject,
            role=self.kind,
            tenant=tenant,
            scopes=frozenset([*function.scopes.read, *function.scopes.write]),
            zone=None,
            zone_edges=(),
        )


def origin_of(read: Mapping[bytes, bytes], *, caller: Caller, zone: str) -> Origin | None:
    """Return what the zone's own credential says of a call in `zone`; None for any other caller.

    Raises:
        MalformedRequest: the zone's credential says it incompletely.
    """
    if b"gridfaas-origin" not in read or not caller.is_zone or caller.zone != zone:
        return None
    kind, subject, call_id, attempt = (
        read.get(name, b"").decode("latin-1")
        for name in (
            b"gridfaas-origin",
            b"gridfaas-subject",
            b"gridfaas-call-id",
            b"gridfaas-attempt",
        )
    )
    if kind not in ORIGINS:
        raise MalformedRequest(f"GridFaaS-Origin is one of {', '.join(sorted(ORIGINS))}")
    if not _SUBJECT.fullmatch(subject) or not _CALL_ID.fullmatch(call_id):
        raise MalformedRequest("GridFaaS-Subject and GridFaaS-Call-Id are needed with an origin")
    if not attempt.isdigit() or not 1 <= len(attempt) <= 4:
        raise MalformedRequest("GridFaaS-Attempt is a whole number")
    return Origin(kind=kind, subject=subject, call_id=call_id, attempt=int(attempt))
