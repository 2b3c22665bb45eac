"""Who a key belongs to, looked up in the zone's own copy of the platform record."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.refusal import Refusal
from storage.platform.keys import Role
from storage.platform.local_keys import EVERY_SCOPE
from storage.platform.snapshot import KeyEntry, Snapshot


class Unauthenticated(Refusal):
    """No credential, two of them, or one that is unknown or expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The holder of a key; `tenant` is None for the platform's people, `zone` set for a zone.

    `zone_edges` are the zones whose edges' readings a zone may bring, `incarnation` that of the
    snapshot that the key stands in.
    """

    key_id: str
    role: str
    tenant: str | None
    scopes: frozenset[str]
    zone: str | None
    expires_at: datetime | None
    calls_per_s: float | None = None
    zone_edges: tuple[str, ...] = ()
    incarnation: int = 0

    def check_time(self, now: datetime | None = None) -> None:
        """Let the key pass as long as it is valid; `now` is aware, by default the present.

        Raises:
            Unauthenticated: it has expired.
        """
        if self.expires_at is not None and self.expires_at <= (now or datetime.now(UTC)):
            raise Unauthenticated("the key has expired")

    @property
    def is_zone(self) -> bool:
        """Whether this is a zone's own credential."""
        return self.role == Role.ZONE and self.zone is not None


def presented_key(read: Mapping[bytes, bytes]) -> bytes:
    """Return the key that the headers carry.

    Raises:
        Unauthenticated: there is none, it is no bearer key, or there are two different ones.
    """
    authorization = read.get(b"authorization")
    api_key = read.get(b"x-api-key")
    if authorization is None:
        if not api_key:
            raise Unauthenticated("send a key as 'Authorization: Bearer gf_...' or 'X-API-Key'")
        return api_key
    scheme, _, bearer = authorization.partition(b" ")
    bearer = bearer.strip()
    if scheme.lower() != b"bearer" or not bearer:
        raise Unauthenticated("the Authorization header holds no bearer key")
    if api_key is not None and api_key != bearer:
        raise Unauthenticated("Authorization and X-API-Key hold different keys")
    return bearer


class KeyRing:
    """The callers of one snapshot by the hash of their key, and the zone's own keys of tenants."""

    def __init__(self, snapshot: Snapshot, *, local: Sequence[KeyEntry] = ()) -> None:
        """`local` are keys that the zone minted; those of tenants that have left count no more."""
        self.snapshot = snapshot
        self.tenants = {tenant.slug: tenant for tenant in snapshot.tenants}
        self._callers = {
            key.hash: self._caller(key, frozenset(key.scopes))
            for key in local
            if key.tenant in self.tenants
        }
        # Every scope is a local key's alone: it cannot be had from the record.
        self._callers |= {
            key.hash: self._caller(key, frozenset(key.scopes) - {EVERY_SCOPE})
            for key in snapshot.keys
        }

    def caller(self, key: bytes, *, now: datetime | None = None) -> Caller:
        """Return the holder of `key`; the same refusal whether it is unknown or was revoked.

        Raises:
            Unauthenticated: nobody holds it, or no longer.
        """
        caller = self._callers.get(hashlib.sha256(key).hexdigest())
        if caller is None:
            raise Unauthenticated("the key is not known here")
        caller.check_time(now)
        return caller

    def _caller(self, key: KeyEntry, scopes: frozenset[str]) -> Caller:
        return Caller(
            key_id=key.key_id,
            role=key.role,
            tenant=key.tenant,
            scopes=scopes,
            zone=key.zone,
            expires_at=key.expires_at,
            calls_per_s=key.calls_per_s,
            incarnation=self.snapshot.incarnation,
            zone_edges=() if key.zone is None else self.snapshot.edges_of(key.zone),
        )
