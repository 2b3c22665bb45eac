"""The meter that a query is about."""

from collections.abc import Sequence
from typing import Final

from functions.mdms.ports import MeterBook
from storage.model.meter import Meter

MOST_METERS: Final = 100_000


class UnknownMeter(LookupError):
    """The registry knows no such meter."""

    def __init__(self, meter_id: str) -> None:
        super().__init__(f"the registry knows no meter {meter_id!r}")


class UnknownRegister(LookupError):
    """The meter has no such register."""

    def __init__(self, meter_id: str, register: str) -> None:
        super().__init__(f"meter {meter_id!r} has no register {register!r}")


class TooManyMeters(ValueError):
    """The group has more meters than one query is answered for."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_METERS} meters in one query")
        self.members = {"limit": MOST_METERS}


class NoMetersAsked(ValueError):
    """A query names neither meters nor a group of them, or both."""

    def __init__(self) -> None:
        super().__init__(
            "say either `meter_id`, once or more often, or `feeder`, or, where the call knows "
            "them, `transformer` or `all`"
        )


async def meters_asked(
    book: MeterBook,
    *,
    meter_ids: Sequence[str] | None,
    feeder: str | None,
    register: str,
    transformer: str | None = None,
    every: bool = False,
) -> list[Meter]:
    """Return the meters named, in that order, or those of a group that have `register`, by id.

    A group is a feeder, a transformer or `every` meter of the tenant.

    Raises:
        NoMetersAsked: none of them was said, or more than one.
        UnknownMeter, UnknownRegister: the registry of this zone knows no such thing.
        TooManyMeters: the group has more than `MOST_METERS`.
        StoreUnavailable: no answer before the deadline.
    """
    ways = (bool(meter_ids), feeder is not None, transformer is not None, every)
    if sum(ways) != 1:
        raise NoMetersAsked
    if meter_ids:
        names = list(dict.fromkeys(meter_ids))
        found = {meter.meter_id: meter for meter in await book.some(names)}
        return [_checked(found.get(name), name, register) for name in names]
    meters = await book.of_group(feeder=feeder, transformer=transformer, limit=MOST_METERS + 1)
    if len(meters) > MOST_METERS:
        raise TooManyMeters
    return [meter for meter in meters if register in meter.registers]


async def registered_meter(book: MeterBook, meter_id: str, *, register: str | None) -> Meter:
    """Return the meter, which has `register` if one is asked for.

    Raises:
        UnknownMeter, UnknownRegister: the registry of this zone knows no such thing.
        StoreUnavailable: no answer before the deadline.
    """
    return _checked(await book.get(meter_id), meter_id, register)


def _checked(meter: Meter | None, meter_id: str, register: str | None) -> Meter:
    if meter is None:
        raise UnknownMeter(meter_id)
    if register is not None and register not in meter.registers:
        raise UnknownRegister(meter_id, register)
    return meter
