"""Finding meters of the zone's registry without reading all of it: by id, by label, by change."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Literal, Protocol, TypeVar, cast

from storage.hot.command import Argument
from storage.hot.connection import HotConnection
from storage.hot.keys import registry_base
from storage.hot.library import REGISTRY_AFTER, REGISTRY_LOG, REGISTRY_NUMBERS
from storage.hot.meter_record import label_bucket
from storage.model.meter import Meter, RegistryPosition
from storage.ports import StoreUnavailable

METERS_A_LOOKUP: Final = 1_000
VERSIONS_A_LOG: Final = 1_024
"""As the library numbers its logs of changes."""
_NUMBER_BYTES: Final = 4
_PAGE_BYTES: Final = METERS_A_LOOKUP * _NUMBER_BYTES
_TRIES: Final = 3

Label = Literal["feeder", "transformer", "service_point"]
_INDEX: Final[dict[Label, str]] = {"feeder": "f", "transformer": "t", "service_point": "s"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes in their order; who takes them knows all up to `position`, and when not `complete`
    there are more."""

    meters: list[Meter]
    position: RegistryPosition
    complete: bool


class Records(Protocol):
    """What the indexes lead to: `storage.hot.registry.MeterRegistry`, which says what is what."""

    async def position(self) -> RegistryPosition: ...
    async def decoded_pairs(self, flat: Sequence[bytes], incarnation: int) -> list[Meter]: ...


class RegistryIndexes:
    """Each answer is of one incarnation; a bounded number of records is read at a time."""

    def __init__(self, connection: HotConnection, registry: Records, *, slug: str) -> None:
        self._connection = connection
        self._registry = registry
        self._slug = slug

    async def page(self, *, after: str, limit: int) -> list[Meter]:
        """At most `limit` meters by id, whose ids are above `after`.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """

        async def read(held: RegistryPosition) -> list[Meter]:
            found: list[Meter] = []
            last = after
            while len(found) < limit:
                wanted = min(limit - len(found), METERS_A_LOOKUP)
                some = await self._meters(REGISTRY_AFTER, held, last, wanted)
                found += some
                if len(some) < wanted:
                    break
                last = some[-1].meter_id
            return found

        return await self._of_one_incarnation(read)

    async def labelled(
        self,
        label: Label,
        name: str,
        *,
        most: int,
        such_as: Callable[[Meter], bool] = lambda _: True,
    ) -> list[Meter]:
        """The meters with that label now, by id; where there are more than `most`, some of them.

        Those that are not `such_as` is asked for do not count.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """

        async def read(held: RegistryPosition) -> list[Meter]:
            found: dict[str, Meter] = {}
            key = f"{self._base(held)}:{_INDEX[label]}:{label_bucket(name)}"
            begin = 0
            while len(found) <= most:
                end = begin + _PAGE_BYTES
                reply = await self._connection.call("GETRANGE", key, begin, end - 1)
                numbers = cast(bytes, reply)
                if numbers:
                    for meter in await self._meters(REGISTRY_NUMBERS, held, numbers):
                        if getattr(meter, label) == name and such_as(meter):
                            found[meter.meter_id] = meter
                if len(numbers) < _PAGE_BYTES:
                    break
                begin = end
            return sorted(found.values(), key=attrgetter("meter_id"))

        return await self._of_one_incarnation(read)

    async def changes(self, *, after: int, limit: int) -> Changes:
        """At most `limit` meters whose last change is after version `after`, oldest change first.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """

        async def read(held: RegistryPosition) -> Changes:
            found: list[Meter] = []
            log, last = after // VERSIONS_A_LOG, held.version // VERSIONS_A_LOG
            while log <= last and len(found) <= limit:
                begin = log
                reply = await self._connection.call(
                    "FCALL_RO", REGISTRY_LOG, 1, self._base(held), log, last, _PAGE_BYTES
                )
                log, numbers = cast(tuple[int, bytes], reply)
                # A meter that has changed again since is in a later log, too.
                low = max(after, begin * VERSIONS_A_LOG - 1)
                high = min(held.version, log * VERSIONS_A_LOG - 1)
                for at in range(0, len(numbers), _PAGE_BYTES):
                    piece = numbers[at : at + _PAGE_BYTES]
                    found += await self._meters(REGISTRY_NUMBERS, held, piece, low, high)
            # One that was changed and changed again may be in two pieces.
            newest = {meter.meter_id: meter for meter in found}
            ordered = sorted(newest.values(), key=attrgetter("version"))
            if len(ordered) > limit:
                ordered = ordered[:limit]
                return Changes(ordered, held._replace(version=ordered[-1].version), False)
            if log <= last:
                return Changes(ordered, held._replace(version=log * VERSIONS_A_LOG - 1), False)
            # What changed while this was read is not in it, not even as it was before.
            complete = await self._registry.position() == held
            return Changes(ordered, held._replace(version=max(held.version, after)), complete)

        return await self._of_one_incarnation(read)

    async def _meters(
        self, function: str, held: RegistryPosition, *arguments: Argument
    ) -> list[Meter]:
        reply = await self._connection.call("FCALL_RO", function, 1, self._base(held), *arguments)
        return await self._registry.decoded_pairs(cast(list[bytes], reply), held.incarnation)

    async def _of_one_incarnation(self, read: Callable[[RegistryPosition], Awaitable[T]]) -> T:
        for _ in range(_TRIES):
            held = await self._registry.position()
            answer = await read(held)
            # The registry before may already be forgotten.
            if (await self._registry.position()).incarnation == held.incarnation:
                return answer
        raise StoreUnavailable("the registry is exchanged again and again")

    def _base(self, held: RegistryPosition) -> str:
        return registry_base(self._slug, held.incarnation)
