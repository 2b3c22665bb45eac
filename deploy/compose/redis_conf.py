"""The configuration of a zone's Redis: durable before it answers, and one user to begin with."""

from deploy.compose.layout import STORE
from deploy.servers.valkey import SAFE, platform_users


def redis_conf(*, password: str, max_memory: str) -> str:
    """Return the text of redis.conf; `max_memory` is Redis' own notation (256mb).

    Tenants' users are not kept in a file: after a restart the zone's agent makes them again, from
    passwords that it keeps.
    """
    lines = [
        *(f"{name} {value}" for name, value in SAFE.items()),
        f"maxmemory {max_memory}",
        # On no network; who has the folder still needs a login.
        "port 0",
        f"unixsocket {STORE}/redis.sock",
        "unixsocketperm 777",
        "dir /data",
        'save ""',
        "no-appendfsync-on-rewrite no",
        "auto-aof-rewrite-percentage 100",
        "auto-aof-rewrite-min-size 256mb",
        "maxclients 1000",
        "tcp-keepalive 60",
        *platform_users(password),
    ]
    return "\n".join([*lines, ""])
