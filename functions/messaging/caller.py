"""Who calls, in the words that only the gateway may say."""

import re
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from functions.messaging.errors import NotAllowed, NotFound, TenantMissing

NOBODY: Final = "platform"
_TOPIC: Final = re.compile(r"[a-z][a-z0-9._-]{0,62}")
_STREAM_ID: Final = re.compile(r"\d{1,15}-\d{1,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The tenant that is called for, and the key that calls."""

    tenant: str
    role: str
    subject: str

    def require(self, *roles: str) -> None:
        """Let pass who has one of `roles`.

        Raises:
            NotAllowed: it has another.
        """
        if self.role not in roles:
            raise NotAllowed(f"this needs a key of role {' or '.join(roles)}, not {self.role}")


def caller_of(request: Request) -> Caller:
    """Give `Depends(caller_of)` to routes.

    Raises:
        TenantMissing: the platform's people have no queues of their own.
        NotAllowed: a zone's credential is for its link, and changes nothing else.
    """
    if request.headers.get("x-gridfaas-zone-credential") and request.method != "GET":
        raise NotAllowed("a zone's credential is for the link")
    tenant = request.headers.get("x-gridfaas-tenant", "")
    if not tenant or tenant == NOBODY:
        raise TenantMissing("messages and calls are a tenant's: use a tenant's key")
    return Caller(
        tenant=tenant,
        role=request.headers.get("x-gridfaas-role", ""),
        subject=request.headers.get("x-gridfaas-subject", ""),
    )


def topic_name(topic: str) -> str:
    """Give `Depends(topic_name)` to routes below a topic.

    Raises:
        NotFound: no topic can be named so.
    """
    if not _TOPIC.fullmatch(topic):
        raise NotFound("a topic's name is a-z, then up to 62 of a-z, 0-9, '.', '_' and '-'")
    return topic


def is_stream_id(text: str) -> bool:
    """Whether a text can be a message's or a letter's id."""
    return _STREAM_ID.fullmatch(text) is not None
