"""After a hot store was put back from a copy: its zone stamps as another edge from then on.

It has forgotten sequences that its parent has seen; below the parent's watermark, what it
acknowledges now would be taken for a resend and dropped. A new epoch makes it another edge.
"""

import redis

from deploy.backup.failure import BackupFailure
from deploy.lab.home import Home, make_home
from deploy.lab.lock import hold_lab
from deploy.lab.topology import hot_zones
from deploy.servers.valkey import ValkeyServer
from storage.hot.keys import epoch_key
from zones.topology import Topology


def begin_epochs(home: Home, topology: Topology, *, zone: str) -> list[str]:
    """Take away the epoch of every tenant in the zone's store; return their slugs.

    Raises:
        BackupFailure: the zone has no hot store here.
        LabIsRunning: the lab is up; the zone must not acknowledge anything meanwhile.
    """
    if zone not in {one.name for one in hot_zones(topology)}:
        raise BackupFailure(f"{zone} is no zone with a hot store")
    name = f"valkey-{zone}"
    state = home.server_state(name)
    if not state.is_dir():
        raise BackupFailure(f"there is no hot store of {zone} in {home.state}")
    make_home(home)
    with hold_lab(home.state):
        server = ValkeyServer(state, home.zone_run(zone), log_path=home.logs / f"{name}.log")
        try:
            server.start()
            return forget_epochs(server.url)
        finally:
            server.stop()


def forget_epochs(redis_url: str) -> list[str]:
    """Delete the epochs in a store; return the slugs of their tenants."""
    suffix = epoch_key("")
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        found = client.scan_iter(match=f"*{suffix}", count=1_000)
        # A slug has no colon; deeper names are of something else.
        names = sorted(name for name in found if ":" not in name.removesuffix(suffix))
        if names:
            client.delete(*names)
    return [name.removesuffix(suffix) for name in names]
