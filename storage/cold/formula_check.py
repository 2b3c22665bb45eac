"""Whether the parts of a virtual meter are there, fit, and do not lead back to it."""

from collections.abc import Mapping
from typing import Final

from msgspec import UNSET

from storage.cold.meter_rows import meter_of
from storage.cold.pool import Connection
from storage.model.meter import Meter, Term

MOST_DEEP: Final = 8
_SOME: Final = "SELECT version, record FROM meters WHERE meter_id = ANY($1::text[])"


class FormulaRefused(ValueError):
    """The virtual meter cannot be computed as it says; nothing was changed."""


async def check_formulas(
    connection: Connection, *, held: Meter | None, meter: Meter, ahead: Mapping[str, Meter]
) -> None:
    """Let pass what is no virtual meter, or one that can be computed.

    `held` is what has its name now, `ahead` the meters that are registered with it, before it.

    Raises:
        FormulaRefused: a part is unknown, has other registers or longer intervals, or the parts
            lead back to the meter, whenever they hold; or a meter would become virtual, or cease
            to be.
    """
    if held is not None and held.is_virtual != meter.is_virtual:
        kinds = ("virtual", "one with readings") if held.is_virtual else ("no virtual one", "one")
        raise FormulaRefused(f"the meter is {kinds[0]}, and cannot become {kinds[1]}")
    if not meter.is_virtual:
        return
    level = [meter]
    for depth in range(MOST_DEEP):
        names = {term.meter_id for one in level for term in _terms(one)}
        if meter.meter_id in names:
            raise FormulaRefused("its parts lead back to it")
        parts = await _meters(connection, names, ahead)
        for one in level:
            for term in _terms(one) if depth == 0 else ():
                _check_term(one, term, parts.get(term.meter_id))
        level = [part for part in parts.values() if part.is_virtual]
        if not level:
            return
    raise FormulaRefused(f"virtual meters of virtual meters go at most {MOST_DEEP} deep")


def _check_term(meter: Meter, term: Term, part: Meter | None) -> None:
    if part is None:
        raise FormulaRefused(f"the registry knows no meter {term.meter_id!r}")
    wanted = meter.registers if term.register is None else (term.register,)
    lacking = [register for register in wanted if register not in part.registers]
    if lacking:
        raise FormulaRefused(f"meter {part.meter_id!r} has no register {lacking[0]!r}")
    if meter.interval_s % part.interval_s:
        raise FormulaRefused(
            f"intervals of {meter.interval_s} s are not made of those of {part.meter_id!r}, which "
            f"are {part.interval_s} s long"
        )


def _terms(meter: Meter) -> list[Term]:
    if meter.formulas is UNSET:
        return []
    return [term for formula in meter.formulas for term in formula.terms]


async def _meters(
    connection: Connection, names: set[str], ahead: Mapping[str, Meter]
) -> dict[str, Meter]:
    found = {name: ahead[name] for name in names if name in ahead}
    if rest := sorted(names - found.keys()):
        rows = await connection.fetch(_SOME, rest)
        found |= {meter.meter_id: meter for meter in map(meter_of, rows)}
    return found
