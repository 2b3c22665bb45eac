"""Meters of many kinds, one of them virtual, for properties of a registry."""

from storage.model.meter import Formula, Meter, Term

NAMES = [f"M-{number}" for number in range(12)]


def drawn(name: str, *, version: int, kind: int) -> Meter:
    registers = ("1-0:1.8.0", "1-0:2.8.0")[: 1 + kind % 2]
    formulas = (Formula(since_s=0, terms=(Term(meter_id="M-0"),)),)
    made = Meter(
        meter_id=name,
        registers=registers,
        interval_s=900 * (1 + kind % 3),
        dials=6 + kind % 4,
        interval_since_s=86_400 * (kind % 3),
        version=version,
    )
    # A meter is virtual from its first version on.
    return made if name != NAMES[0] else Meter(
        meter_id=name, registers=registers, interval_s=900, version=version, formulas=formulas
    )  # fmt: skip
