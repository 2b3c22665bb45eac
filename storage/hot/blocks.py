"""A tenant's blocks out of the strips of a zone's Redis: read, and taken out."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from storage.hot.command import pack_command
from storage.hot.connection import HotConnection
from storage.hot.keys import (
    finding_field,
    findings_key,
    hot_bytes_key,
    places_epoch_key,
    strip_key,
)
from storage.hot.library import DROP
from storage.hot.places import NO_PLACE, SeriesPlaces
from storage.hot.strips import METERS_A_STRIP, block_of, holds_values
from storage.model.block import BlockKey

Blocks = Mapping[BlockKey, NDArray[np.void]]

STRIPS_A_CALL: Final = 64


class HotBlocks:
    """Blocks by their keys, each one meter's cells of a strip."""

    def __init__(self, connection: HotConnection, *, slug: str, places: SeriesPlaces) -> None:
        self._connection = connection
        self._slug = slug
        self._places = places

    async def read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        """Slots (dtype `SLOT`) of the blocks that hold a value.

        Raises:
            StoreUnavailable: no answer in time.
        """
        return await self._places.keep_to(partial(self._read, keys))

    async def drop(self, blocks: Blocks) -> set[BlockKey]:
        """Take out each block that is still as given (dtype `SLOT`); return which are gone.

        A block that has changed meanwhile stays, and so does its strip's history of versions until
        the last of its meters is gone. The user needs more rights than a tenant has.

        Raises:
            StoreUnavailable: no answer in time; some may be gone.
        """
        return await self._places.keep_to(partial(self._drop, blocks))

    async def _read(self, keys: Sequence[BlockKey]) -> dict[BlockKey, NDArray[np.void]]:
        token, placed = await self._placed(keys)
        strips: dict[str, list[tuple[BlockKey, int]]] = {}
        for key, place in placed:
            strips.setdefault(self._strip_key(key, place), []).append((key, place))
        blocks: dict[BlockKey, NDArray[np.void]] = {}
        names = list(strips)
        for begin in range(0, len(names), STRIPS_A_CALL):
            some = names[begin : begin + STRIPS_A_CALL]
            (reply,) = await self._places.read([pack_command(("MGET", some))], token=token)
            for name, strip in zip(some, cast(list[bytes | None], reply), strict=True):
                if strip is None:
                    continue
                for key, place in strips[name]:
                    block = block_of(strip, place)
                    if holds_values(block):
                        blocks[key] = block
        return blocks

    async def _drop(self, blocks: Blocks) -> set[BlockKey]:
        token, placed = await self._placed(list(blocks))
        slug = self._slug
        shared = places_epoch_key(slug), hot_bytes_key(slug), findings_key(slug)
        gone: set[BlockKey] = set()
        for begin in range(0, len(placed), STRIPS_A_CALL):
            some = placed[begin : begin + STRIPS_A_CALL]
            names = [self._strip_key(key, place) for key, place in some]
            expected = [
                part
                for key, place in some
                for part in (place % METERS_A_STRIP, blocks[key].tobytes(), finding_field(key))
            ]
            reply = await self._connection.call(
                "FCALL", DROP, len(shared) + len(names), shared, names, token, expected
            )
            said = cast(list[int], reply)
            gone.update(key for (key, _), out in zip(some, said, strict=True) if out)
        return gone

    async def _placed(self, keys: Sequence[BlockKey]) -> tuple[bytes, list[tuple[BlockKey, int]]]:
        found = await self._places.find([(key.meter_id, key.register) for key in keys])
        places = zip(keys, found.places.tolist(), strict=True)
        return found.token, [(key, place) for key, place in places if place != NO_PLACE]

    def _strip_key(self, key: BlockKey, place: int) -> str:
        return strip_key(
            self._slug,
            day=key.day,
            interval_s=key.interval_s,
            register=key.register,
            strip=place // METERS_A_STRIP,
        )
