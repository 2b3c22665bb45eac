"""Entries from a child zone: unpack a body, make it durable, say how much is."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from functions.runtime.uplink_body import unpack
from storage.model.stamp import zone_of_edge
from storage.model.uplink import UplinkEntry, decode_entries

MEDIA_TYPE: Final = "application/x-gridfaas-uplink"

Keep = Callable[[Sequence[UplinkEntry], str], Awaitable[int]]
"""Entries and the zone that brings them: `HotStore.relay` in zone 2, `RecordStore.append` in 1."""


class EdgeForbidden(PermissionError):
    """The calling zone brings an entry of an edge that it cannot have had it from."""

    def __init__(self, *, caller: str, edge: str) -> None:
        super().__init__(f"{caller} may not bring entries of edge {edge[:64]!r}")
        self.members = {"edge": edge[:64]}


async def keep_entries(
    body: bytes, *, encoding: str, keep: Keep, caller: str, zones: Collection[str]
) -> int:
    """Hand the entries of `body` to the zone's store in order; return how many are durable.

    `zones` are those whose edges the zone `caller` may bring entries of.

    Raises:
        EdgeForbidden: one is of another edge; nothing was taken.
        UplinkUnreadable, PayloadUnreadable, UnpackedTooLarge: the body cannot be taken as it is.
        StoreFull, StoreUnavailable: some may be durable; sending the body again is harmless.
    """
    entries = decode_entries(unpack(body, encoding=encoding))
    for edge in {entry.edge for entry in entries}:
        if zone_of_edge(edge) not in zones:
            raise EdgeForbidden(caller=caller, edge=edge)
    return await keep(entries, caller) if entries else 0
