"""The meter that a query is about."""

from functions.mdms.ports import MeterBook
from storage.model.meter import Meter


class UnknownMeter(LookupError):
    """The registry knows no such meter."""

    def __init__(self, meter_id: str) -> None:
        super().__init__(f"the registry knows no meter {meter_id!r}")


class UnknownRegister(LookupError):
    """The meter has no such register."""

    def __init__(self, meter_id: str, register: str) -> None:
        super().__init__(f"meter {meter_id!r} has no register {register!r}")


async def registered_meter(book: MeterBook, meter_id: str, *, register: str | None) -> Meter:
    """Return the meter, which has `register` if one is asked for.

    Raises:
        UnknownMeter, UnknownRegister: the registry of this zone knows no such thing.
        StoreUnavailable: no answer before the deadline.
    """
    meter = await book.get(meter_id)
    if meter is None:
        raise UnknownMeter(meter_id)
    if register is not None and register not in meter.registers:
        raise UnknownRegister(meter_id, register)
    return meter
