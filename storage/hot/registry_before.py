"""The copy of a registry as it lay before it had indexes: read once, to be laid out anew."""

from collections.abc import AsyncIterator
from typing import Final, cast

from storage.hot.connection import HotConnection
from storage.model.meter import Meter, RegistryPosition, decode_meter

_PAGE: Final = 1_000


class RegistryBefore:
    """A hash of whole meters and three keys beside it."""

    def __init__(self, connection: HotConnection, *, slug: str) -> None:
        self._connection = connection
        self._slug = slug

    async def position(self) -> RegistryPosition | None:
        """Where it stood, None when there is none."""
        names = [f"{self._slug}:mi", f"{self._slug}:mv"]
        reply = await self._connection.call("MGET", names)
        incarnation, version = cast(list[bytes | None], reply)
        return None if version is None else RegistryPosition(int(incarnation or 0), int(version))

    async def pages(self) -> AsyncIterator[list[Meter]]:
        """Its meters, some at a time; one may come twice."""
        position = await self.position()
        cursor = b"0"
        while position is not None:
            key = self._meters_key(position.incarnation)
            reply = await self._connection.call("HSCAN", key, cursor, "COUNT", _PAGE)
            cursor, flat = cast(tuple[bytes, list[bytes]], reply)
            yield [decode_meter(record) for record in flat[1::2]]
            if cursor == b"0":
                return

    async def forget(self) -> None:
        """Give its memory back."""
        position = await self.position()
        if position is not None:
            names = [self._meters_key(position.incarnation)]
            names += [f"{self._slug}:{name}" for name in ("mi", "mv", "mt")]
            await self._connection.call("UNLINK", names)

    def _meters_key(self, incarnation: int) -> str:
        return f"{self._slug}:m:{incarnation}" if incarnation else f"{self._slug}:m"
