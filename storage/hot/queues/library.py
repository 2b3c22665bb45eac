"""The functions that keep queues and topics inside a zone's Redis."""

from pathlib import Path
from typing import Final

from storage.hot.library import install_library

LIBRARY: Final = "gridfaas_queues_v1"
PREFIX: Final = "gfq1_"
"""Every function's name begins with the version: change it with the meaning of an argument."""
# One chunk of Lua: each part may use what those before it declare.
_PARTS: Final = ("calls", "bridge", "topics", "bridged")


async def install(redis_url: str) -> bool:
    """Load the library through the administrator's URL; return whether it was not there yet.

    Raises:
        StoreUnavailable, CommandRefused: as `HotConnection.call`.
    """
    here = Path(__file__).parent
    return await install_library(redis_url, LIBRARY, [here / f"{part}.lua" for part in _PARTS])
