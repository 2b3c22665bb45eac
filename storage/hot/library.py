"""The functions that run inside a zone's Redis: their names, and how they get there.

Library and functions carry a version in their names: change it with the meaning of an argument,
so that workers of the version before go on while a new one is rolled out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from storage.hot.connection import connect

LIBRARY: Final = "gridfaas_v5"
ACCEPT: Final = "gf5_accept"
RELAY: Final = "gf5_relay"
FIND_PLACES: Final = "gf5_find_places"
GIVE_PLACES: Final = "gf5_give_places"
PLACES_HOLD: Final = "gf5_places_hold"
DROP: Final = "gf5_demote"
READ_EVENTS: Final = "gf5_read_events"
UPLINK_ACK: Final = "gf5_uplink_ack"
UPLINK_DROP: Final = "gf5_uplink_drop"
REGISTRY_PAGE: Final = "gf5_registry_page"
REGISTRY_NUMBERS: Final = "gf5_registry_numbers"
REGISTRY_LOG: Final = "gf5_registry_log"
REGISTRY_AFTER: Final = "gf5_registry_after"
REGISTRY_FORGET: Final = "gf5_registry_forget"
RULES_APPLY: Final = "gf5_rules_apply"
SETTLE: Final = "gf5_settle"
BRING_DOWN: Final = "gf5_bring_down"
# One chunk of Lua: each part may use what those before it declare.
_PARTS: Final = (
    "slots",
    "places",
    "runs",
    "events",
    "entries",
    "validation",
    "received",
    "readings",
    "edits",
    "demotion",
    "registry",
    "registry_reading",
    "registry_forgetting",
    "rules",
)


async def install(redis_url: str) -> bool:
    """Load the library through the administrator's URL; return whether it was not there yet.

    Idempotent; the server keeps the library over a restart in its append-only file.

    Raises:
        StoreUnavailable, CommandRefused: as `HotConnection.call`.
    """
    here = Path(__file__).parent
    return await install_library(redis_url, LIBRARY, [here / f"{part}.lua" for part in _PARTS])


async def install_library(redis_url: str, name: str, parts: Sequence[Path]) -> bool:
    """Load files of Lua as one library of that name; otherwise as `install`."""
    code = b"\n".join([f"#!lua name={name}".encode(), *(part.read_bytes() for part in parts)])
    admin = connect(redis_url, max_connections=1)
    try:
        held = await admin.call("FUNCTION", "LIST", "LIBRARYNAME", name, "WITHCODE")
        if isinstance(held, list) and held and code in held[0]:
            return False
        await admin.call("FUNCTION", "LOAD", "REPLACE", code)
    finally:
        await admin.aclose()
    return True
