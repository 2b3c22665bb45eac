"""The walls in a zone's Redis: a user a tenant, one that moves uplink entries, one for queues."""

import hashlib
import re
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from storage.hot.connection import CommandRefused, HotConnection, connect
from storage.hot.keys import (
    QUEUES,
    RESERVED_SLUGS,
    edits_key,
    findings_key,
    gap_looks_key,
    registry_key,
    uplink_bytes_key,
    uplink_key,
    validation_key,
)
from storage.hot.uplink import queue_keys
from storage.model.traffic import READING_QUEUES

LINK_USER: Final = "link"
MESSAGING_USER: Final = "messaging"
TIERING_USER: Final = "tiering"
# Commands are named one by one: a new server version must not widen the wall by a category.
TENANT_COMMANDS: Final = (
    "ping", "time",
    "get", "mget", "getrange", "strlen", "setrange", "set", "incrby",
    "hget", "hmget", "hgetall", "hlen", "hexists", "hscan", "hset",
)  # fmt: skip
# A function's keys are of both kinds; what it then does with each is checked again.
FUNCTION_COMMANDS: Final = ("fcall", "fcall_ro")
# The link reads every tenant's stream in one call: a key of another type would end it for all.
TENANT_STREAM_COMMANDS: Final = ("xadd", "xlen")
TENANT_COUNTER_COMMANDS: Final = ("get", "incrby")
# What waits for validation goes once it was validated, the oldest edits once there are many,
# findings once they hold no more, and looks for gaps once somebody looked.
VALIDATION_COMMANDS: Final = ("xadd", "xlen", "xrange", "xtrim")
FINDINGS_COMMANDS: Final = ("hset", "hdel")
LINK_COMMANDS: Final = (
    "ping", "fcall", "time", "get", "decrby", "xrange", "xrevrange", "xread", "xlen",
    "xtrim", "xdel",
)  # fmt: skip
# The functions of the queues run these, and what they read or write is checked again.
MESSAGING_COMMANDS: Final = (
    "ping", "fcall", "time", "exists", "del", "get", "set",
    "hget", "hmget", "hgetall", "hset", "hsetnx", "hdel", "hincrby",
    "zadd", "zrange", "zrem", "zscore", "zcard",
    "sadd", "srem", "scard", "sismember", "smembers",
    "xadd", "xdel", "xlen", "xrange", "xrevrange", "xreadgroup",
    "xgroup|create", "xgroup|destroy", "xinfo|groups",
)  # fmt: skip
# Moves every tenant's blocks between the tiers. It lists names, and reaches no uplink and no queue.
TIERING_COMMANDS: Final = (
    "ping", "fcall", "fcall_ro", "time", "scan",
    "get", "mget", "getrange", "setrange", "set", "strlen", "incrby", "decrby", "del",
    "hget", "hmget", "hgetall", "hlen", "hexists", "hset", "hdel", "hscan",
)  # fmt: skip
BRIDGE_COMMANDS: Final = ("xadd", "get", "incrby")
# The copy of the registry has indexes, and one that is over makes room for the next.
REGISTRY_COMMANDS: Final = (
    "hsetnx", "hdel", "append", "rpush", "lrange", "lindex",
    "zadd", "zcard", "zlexcount", "zrange", "zremrangebyrank", "unlink",
)  # fmt: skip
_Grant = tuple[tuple[str, ...], tuple[str, ...]]
# Of every tenant: strips, events, histories, places, registry, findings, and what tiering itself
# keeps. A slug has two characters or more, so no queue's name is among them.
TIERING_PATTERNS: Final = tuple(
    f"[a-z][a-z0-9-]*:{kind}"
    for kind in (
        *("s:*", "h:*", "e:*", "eh:*", "p:*", "r:*"),
        *("r", "pe", "hb", "vf", "wm", "seq", "tier-*"),
    )
)
_SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class SlugRefused(ValueError):
    """The slug would open another tenant's keys or the platform's."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"{slug!r} cannot name a tenant in the hot store")
        self.slug = slug


def tenant_user(slug: str) -> str:
    """Name of the tenant's Redis user."""
    return f"t:{slug}"


async def provision_tenant(redis_url: str, slug: str, *, password: str) -> str:
    """Make or renew the tenant's user through the administrator's URL; return the tenant's URL.

    Idempotent, and harmless to the tenant's open connections. The user is saved when the server
    has an ACL file; where it has none, call this again whenever the server has restarted.

    Raises:
        SlugRefused: the slug has other characters than a-z, 0-9, "-", or is reserved.
        StoreUnavailable, CommandRefused: as `HotConnection.call`.
    """
    if not _SLUG.fullmatch(slug) or slug in RESERVED_SLUGS:
        raise SlugRefused(slug)
    own = f"{slug}:*"
    queues = [queue_keys(slug, queue) for queue in READING_QUEUES]
    streams, counters = (tuple(keys) for keys in zip(*queues, strict=True))
    user = tenant_user(slug)
    await _set_user(
        redis_url,
        user,
        password,
        grants=(
            ((own,), TENANT_COMMANDS),
            ((own, *streams, *counters), FUNCTION_COMMANDS),
            (streams, TENANT_STREAM_COMMANDS),
            (counters, TENANT_COUNTER_COMMANDS),
            ((validation_key(slug),), VALIDATION_COMMANDS),
            ((findings_key(slug), gap_looks_key(slug)), FINDINGS_COMMANDS),
            ((edits_key(slug),), VALIDATION_COMMANDS),
            ((registry_key(slug), f"{registry_key(slug)}:*"), REGISTRY_COMMANDS),
            (tuple(f"{slug}:{kind}" for kind in ("m", "m:*", "mi", "mv", "mt")), ("unlink",)),
        ),
    )
    return with_login(redis_url, user=user, password=password)


async def provision_link(redis_url: str, *, password: str) -> str:
    """Make or renew the user that reads and trims every tenant's uplink; return its URL."""
    patterns = (uplink_key("*"), uplink_bytes_key("*"))
    await _set_user(redis_url, LINK_USER, password, grants=((patterns, LINK_COMMANDS),))
    return with_login(redis_url, user=LINK_USER, password=password)


async def provision_messaging(redis_url: str, *, password: str) -> str:
    """Make or renew the user that keeps every tenant's queues and topics; return its URL."""
    grants = (
        ((f"{QUEUES}:*",), MESSAGING_COMMANDS),
        # Bridged messages wait for the parent beside the readings, where it reaches nothing else.
        ((f"{uplink_key('*')}:m:*", f"{uplink_bytes_key('*')}:m:*"), BRIDGE_COMMANDS),
    )
    await _set_user(redis_url, MESSAGING_USER, password, grants=grants)
    return with_login(redis_url, user=MESSAGING_USER, password=password)


async def provision_tiering(redis_url: str, *, password: str) -> str:
    """Make or renew the user that drops and recalls every tenant's blocks; return its URL."""
    grants = ((TIERING_PATTERNS, TIERING_COMMANDS),)
    await _set_user(redis_url, TIERING_USER, password, grants=grants)
    return with_login(redis_url, user=TIERING_USER, password=password)


async def provisioned_tenants(redis_url: str) -> frozenset[str]:
    """Return the slugs that have a user in this Redis."""
    admin = connect(redis_url, max_connections=1)
    try:
        users = await admin.call("ACL", "USERS")
    finally:
        await admin.aclose()
    assert isinstance(users, list)
    prefix = tenant_user("")
    names = (name.decode() for name in users)
    return frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix))


async def revoke_tenant(redis_url: str, slug: str) -> None:
    """Remove the tenant's user and close its connections; its data stays."""
    admin = connect(redis_url, max_connections=1)
    try:
        await admin.call("ACL", "DELUSER", tenant_user(slug))
        await _save(admin)
    finally:
        await admin.aclose()


def with_login(redis_url: str, *, user: str, password: str) -> str:
    """Return the same server's URL with another login and no database, percent-encoded."""
    parts = urlsplit(redis_url)
    query = dict(parse_qsl(parts.query))
    query.pop("db", None)
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme == "unix":
        query |= {"username": user, "password": password}
        # Not by urlunsplit: with an empty host some versions of Python write one slash only.
        return f"unix://{host}{parts.path}?{urlencode(query)}"
    for credential in ("username", "password"):
        query.pop(credential, None)
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{host}"
    return urlunsplit(parts._replace(netloc=netloc, path="", query=urlencode(query)))


async def _set_user(
    redis_url: str, user: str, password: str, *, grants: tuple[_Grant, ...]
) -> None:
    digest = hashlib.sha256(password.encode()).hexdigest()
    first, *others = [_rules(patterns, commands) for patterns, commands in grants]
    rules = ["reset", "on", f"#{digest}", "resetkeys", "resetchannels", "-@all", *first]
    rules += [f"({' '.join(selector)})" for selector in others]
    admin = connect(redis_url, max_connections=1)
    try:
        await admin.call("ACL", "SETUSER", user, rules)
        await _save(admin)
    finally:
        await admin.aclose()


def _rules(patterns: tuple[str, ...], commands: tuple[str, ...]) -> list[str]:
    return [*(f"~{pattern}" for pattern in patterns), *(f"+{command}" for command in commands)]


async def _save(admin: HotConnection) -> None:
    try:
        await admin.call("ACL", "SAVE")
    except CommandRefused as error:
        if "not configured to use an ACL file" not in str(error):
            raise
