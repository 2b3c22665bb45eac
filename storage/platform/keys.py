"""API keys: how they are made, how they are kept, and what each role may do by default."""

import hashlib
import secrets
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

KEY_PREFIX: Final = "gf_"
KEY_BYTES: Final = 24


class Role(StrEnum):
    """Who holds a key."""

    PLATFORM_ADMIN = "platform-admin"
    OPERATOR = "operator"
    TENANT_ADMIN = "tenant-admin"
    TENANT_SERVICE = "tenant-service"
    CONSUMER = "consumer"
    METER = "meter"
    ZONE = "zone"


TENANT_ROLES: Final = frozenset({Role.TENANT_ADMIN, Role.TENANT_SERVICE, Role.CONSUMER, Role.METER})

_DATA: Final = ("mdms:read", "mdms:write")
_MESSAGES: Final = ("messaging:read", "messaging:write")
DEFAULT_SCOPES: Final[Mapping[Role, frozenset[str]]] = MappingProxyType(
    {
        Role.PLATFORM_ADMIN: frozenset({"platform:admin", "platform:read"}),
        Role.OPERATOR: frozenset({"platform:read"}),
        Role.TENANT_ADMIN: frozenset({"keys:admin", *_DATA, *_MESSAGES}),
        Role.TENANT_SERVICE: frozenset({*_DATA, *_MESSAGES}),
        Role.CONSUMER: frozenset({"mdms:read"}),
        Role.METER: frozenset({"mdms:write"}),
        # A zone asks its parent for the keys that sign callbacks, and brings it bridged messages.
        Role.ZONE: frozenset({"platform:snapshot", *_MESSAGES, *_DATA}),
    }
)


def mint_key() -> str:
    """Make the text of a new key: `gf_` and 32 url-safe characters (192 random bits)."""
    return KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)


def mint_key_id() -> str:
    """Make the public name of a key, for lists, logs and revocation: 96 random bits in hex."""
    return secrets.token_hex(12)


def hash_key(text: str) -> str:
    """Hash a key's text as it is stored: SHA-256 in hex.

    No slow hash: 192 random bits cannot be guessed, and this runs on every request.
    """
    return hashlib.sha256(text.encode()).hexdigest()
