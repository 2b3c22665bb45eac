"""What a virtual meter is made of on a day: meters with readings, each with its weight."""

from collections.abc import Iterable, Mapping
from typing import Final

from functions.mdms.ports import MeterBook
from storage.model.meter import Meter
from storage.model.runs import DAY_S

MOST_DEEP: Final = 8
MOST_PARTS: Final = 10_000

Parts = Mapping[tuple[str, str], float]
"""Weights by meter and register."""


class TooManyParts(ValueError):
    """A virtual meter has more parts than one query adds up."""

    def __init__(self, meter_id: str) -> None:
        super().__init__(
            f"virtual meter {meter_id!r} has more than {MOST_PARTS} parts, or more than "
            f"{MOST_DEEP} levels of virtual meters"
        )
        self.members = {"limit": MOST_PARTS}


class PartBook:
    """Virtual meters of a query, and the meters that they are made of."""

    def __init__(self, meters: Mapping[str, Meter]) -> None:
        self._meters = meters
        self._known: dict[tuple[str, str, int], Parts] = {}

    def meter(self, meter_id: str) -> Meter | None:
        """A meter of that name among them."""
        return self._meters.get(meter_id)

    def is_virtual(self, meter_id: str) -> bool:
        """Whether it is one of the virtual meters."""
        meter = self._meters.get(meter_id)
        return meter is not None and meter.is_virtual

    def parts(self, meter_id: str, register: str, *, day: int) -> Parts:
        """The meters with readings that it is the weighted sum of on a UTC day.

        A part that occurs several times has the sum of its weights, one of weight 0 is none.

        Raises:
            TooManyParts: see there.
        """
        name = (meter_id, register, day)
        if name not in self._known:
            found: dict[tuple[str, str], float] = {}
            self._add(found, meter_id, register, weight=1.0, day=day, deep=0)
            self._known[name] = {part: weight for part, weight in found.items() if weight}
        return self._known[name]

    def _add(
        self,
        found: dict[tuple[str, str], float],
        meter_id: str,
        register: str,
        *,
        weight: float,
        day: int,
        deep: int,
    ) -> None:
        meter = self._meters.get(meter_id)
        if meter is None or not meter.is_virtual:
            found[meter_id, register] = found.get((meter_id, register), 0.0) + weight
            return
        # The registry refuses circles; a copy that is half way through a change may have one.
        if deep > MOST_DEEP or len(found) > MOST_PARTS:
            raise TooManyParts(meter_id)
        for term in meter.terms_on(day * DAY_S):
            self._add(
                found,
                term.meter_id,
                term.register or register,
                weight=weight * term.weight,
                day=day,
                deep=deep + 1,
            )


async def part_book(book: MeterBook, meters: Iterable[Meter]) -> PartBook | None:
    """Gather what the virtual ones of `meters` are made of; None when none is virtual.

    Raises:
        TooManyParts: see there.
        StoreUnavailable: no answer before the deadline.
    """
    level = [meter for meter in meters if meter.is_virtual]
    if not level:
        return None
    found = {meter.meter_id: meter for meter in level}
    for _ in range(MOST_DEEP + 1):
        names = {
            term.meter_id
            for meter in level
            for formula in meter.formulas or ()
            for term in formula.terms
        } - found.keys()
        if not names:
            return PartBook(found)
        if len(found) + len(names) > MOST_PARTS:
            raise TooManyParts(level[0].meter_id)
        parts = await book.some(sorted(names))
        found |= {part.meter_id: part for part in parts}
        level = [part for part in parts if part.is_virtual]
    raise TooManyParts(level[0].meter_id)
