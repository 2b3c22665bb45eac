"""Where a meter's register has its cells: its place, given by the zone's Redis once and for all."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from storage.hot.command import pack_command
from storage.hot.connection import HotConnection, PlacesMoved
from storage.hot.keys import places_epoch_key, places_key
from storage.hot.library import FIND_PLACES, GIVE_PLACES, PLACES_HOLD
from storage.model.runs import RunBatch
from storage.ports import StoreUnavailable

NO_PLACE: Final = -1
_METERS_A_CALL: Final = 2_000
_TRIES: Final = 3
MOST_KNOWN: Final = 400_000
"""Series; some 200 B each. A nation's worker asks again for those it has forgotten."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Placed:
    """The place of each series that was asked for, and the token that the library checks."""

    token: bytes
    places: NDArray[np.int64]


class SeriesPlaces:
    """The places of one tenant's series: numbers from 0 among those of a register.

    About `most_known` of them are remembered, as long as the server runs; what goes by them is done
    in `keep_to`.
    """

    def __init__(
        self, connection: HotConnection, *, slug: str, most_known: int = MOST_KNOWN
    ) -> None:
        self._connection = connection
        self._slug = slug
        self._most_known = most_known
        self._known: dict[str, dict[str, int]] = {}
        self._token = b""
        self._times_forgotten = 0

    async def keep_to(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work` again where the library refused the places that it went by.

        Raises:
            StoreUnavailable: the store gives its places anew again and again.
        """
        for _ in range(_TRIES):
            before = self._times_forgotten
            try:
                return await work()
            except PlacesMoved:
                if before == self._times_forgotten:
                    self._forget()
        raise StoreUnavailable("the hot store gives its places anew again and again")

    def _forget(self) -> None:
        self._known = {}
        self._token = b""
        self._times_forgotten += 1

    async def of_batch(self, batch: RunBatch) -> Placed:
        """The place of each run's series, shape (R,); one that has none gets one.

        Raises:
            PlacesMoved: they were given anew meanwhile; ask again.
            StoreFull, StoreUnavailable: as `HotConnection.call`.
        """
        before = self._times_forgotten
        if len(batch.registers) == 1:
            places = (await self._given(batch.meters, batch.registers[0]))[batch.run_meter]
        else:
            places = np.empty(batch.runs, dtype=np.int64)
            for index, register in enumerate(batch.registers):
                runs = np.flatnonzero(batch.run_register == index)
                used, which = np.unique(batch.run_meter[runs], return_inverse=True)
                meters = [batch.meters[at] for at in used.tolist()]
                places[runs] = (await self._given(meters, register))[which]
        return self._placed(places, before)

    async def find(self, series: Sequence[tuple[str, str]]) -> Placed:
        """The place of each (meter id, register), `NO_PLACE` where nothing was ever stored.

        Raises:
            PlacesMoved, StoreUnavailable: as `of_batch`.
        """
        before = self._times_forgotten
        known = {register: self._of_register(register) for register in {one for _, one in series}}
        asked: dict[str, dict[str, None]] = {}
        for meter, register in series:
            if meter not in known[register]:
                asked.setdefault(register, {})[meter] = None
        for register, meters in asked.items():
            await self._ask(FIND_PLACES, register, list(meters), known[register])
        places = [known[register].get(meter, NO_PLACE) for meter, register in series]
        return self._placed(np.array(places, dtype=np.int64), before)

    async def of_meters(self, meters: Sequence[str], register: str) -> Placed:
        """As `find`, of many meters of one register.

        Raises:
            PlacesMoved, StoreUnavailable: as `of_batch`.
        """
        before = self._times_forgotten
        known = self._of_register(register)
        found = list(map(known.get, meters))
        if None in found:
            missing = [meter for meter, at in zip(meters, found, strict=True) if at is None]
            await self._ask(FIND_PLACES, register, missing, known)
            found = [known.get(meter, NO_PLACE) for meter in meters]
        return self._placed(np.array(found, dtype=np.int64), before)

    async def read(self, packed: Sequence[bytes], *, token: bytes) -> list[object]:
        """The replies to packed commands that read by the places of `token`.

        That these hold is asked after them: a token never comes again, so it held all the time.
        Not in a function of the library, where what is read would be copied twice more.

        Raises:
            PlacesMoved, StoreUnavailable: as `of_batch`.
        """
        epoch = places_epoch_key(self._slug)
        holds = pack_command(("FCALL_RO", PLACES_HOLD, 1, epoch, token))
        return (await self._connection.call_all([*packed, holds]))[:-1]

    def _placed(self, places: NDArray[np.int64], times_forgotten: int) -> Placed:
        if times_forgotten != self._times_forgotten:
            raise PlacesMoved("the places were given anew")
        return Placed(self._token, places)

    async def _given(self, meters: Sequence[str], register: str) -> NDArray[np.int64]:
        known = self._of_register(register)
        try:
            found = list(map(known.__getitem__, meters))
        except KeyError:
            missing = list(dict.fromkeys(meter for meter in meters if meter not in known))
            await self._ask(GIVE_PLACES, register, missing, known)
            found = [known[meter] for meter in meters]
        return np.array(found, dtype=np.int64)

    def _of_register(self, register: str) -> dict[str, int]:
        """What is known of a register. Who holds it may go on when all of it is let go."""
        if sum(map(len, self._known.values())) > self._most_known:
            self._known = {}
        return self._known.setdefault(register, {})

    async def _ask(
        self, function: str, register: str, meters: Sequence[str], known: dict[str, int]
    ) -> None:
        keys = places_epoch_key(self._slug), places_key(self._slug, register)
        for begin in range(0, len(meters), _METERS_A_CALL):
            some = meters[begin : begin + _METERS_A_CALL]
            reply = await self._connection.call("FCALL", function, len(keys), keys, some)
            token, *places = cast(list[bytes], reply)
            if self._token and token != self._token:
                self._forget()
                raise PlacesMoved("the places were given anew")
            self._token = token
            known.update(
                (meter, int(place)) for meter, place in zip(some, places, strict=True) if place
            )
