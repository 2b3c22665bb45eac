"""What "acknowledged is durable" asks of a zone's Redis, read back from the server itself."""

from typing import Final, cast

from storage.hot.connection import connect

REQUIRED: Final = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
}
OLDEST: Final = (7, 0)


class NotDurable(Exception):
    """The server would lose what it acknowledged; do not start on it."""


async def verify_durable(redis_url: str) -> str:
    """Return the server's version when an answer of it means durable; needs the administrator.

    Raises:
        NotDurable: a setting or the version is wrong; the text names it.
        StoreUnavailable, CommandRefused: as `HotConnection.call`.
    """
    admin = connect(redis_url, max_connections=1)
    try:
        held = _pairs(await admin.call("CONFIG", "GET", list(REQUIRED)))
        server = _info(await admin.call("INFO", "server"))
        default = cast(list[object], await admin.call("ACL", "GETUSER", "default"))
    finally:
        await admin.aclose()
    wrong = [
        f"{name} is {held.get(name)!r}, not {value!r}"
        for name, value in REQUIRED.items()
        if held.get(name) != value
    ]
    # The server reads its log as this user; all but the newest drop in silence each transaction
    # that it may not run, as every write of a function is one: redis/redis#14541.
    allowed = dict(zip(default[::2], default[1::2], strict=True))
    if (allowed.get(b"commands"), allowed.get(b"keys")) != (b"+@all", b"~*"):
        wrong.append(
            "user default, as whom the log is read, is not allowed everything (it may be off)"
        )
    # Valkey goes on telling the Redis version that it is compatible with here.
    version = server.get("redis_version", "0.0")
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < OLDEST:
        wrong.append(f"version {version} is older than {OLDEST[0]}.{OLDEST[1]}")
    if wrong:
        raise NotDurable("; ".join(wrong))
    return server.get("valkey_version", version)


def _pairs(reply: object) -> dict[str, str]:
    flat = [part.decode() for part in cast(list[bytes], reply)]
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _info(reply: object) -> dict[str, str]:
    lines = cast(bytes, reply).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
