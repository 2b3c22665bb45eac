"""Sets what the stores hold beside what was acknowledged; each difference is a sentence."""

from collections.abc import Iterable, Mapping

from tests.e2e.cold_record import Current, Record
from tests.e2e.journal import Journal
from tests.e2e.lab import Lab
from tests.e2e.query_api import MeterQuery
from tests.e2e.versions import Slot, Version, final, raw

SHOWN = 10


def expected(given: list[Version]) -> Current:
    """What a slot has to show after these versions, in the order of their acknowledgement."""
    return Current(final(given), raw(given), len(given) - 1)


def cold_faults(journal: Journal, record: Record) -> list[str]:
    """Every acknowledged version exactly once, in order; the right one shown; nothing else."""
    faults = []
    for slot in sorted(journal.held.keys() | record.versions.keys()):
        given = journal.held.get(slot, [])
        stored = sorted(record.versions.get(slot, []))
        stamps = [stamp for stamp, _ in stored]
        if len(set(stamps)) < len(stamps) or record.shown[slot] > 1:
            faults.append(f"{slot}: a version is stored twice: {stored}")
        elif [version for _, version in stored] != given:
            faults.append(f"{slot}: acknowledged {given}, stored {stored}")
        elif record.current.get(slot) != expected(given):
            faults.append(f"{slot}: shows {record.current.get(slot)}, should {expected(given)}")
    return faults


def hot_faults(
    journal: Journal, shown: Mapping[Slot, Current], slots: Iterable[Slot], zone: str
) -> list[str]:
    """The zone shows for each of `slots` what its acknowledged versions make of it."""
    return [
        f"{zone}: {slot} shows {shown.get(slot)}, should {expected(journal.held[slot])}"
        for slot in sorted(slots)
        if shown.get(slot) != expected(journal.held[slot])
    ]


async def told_faults(journal: Journal, lab: Lab, zone: str, tenant: str, meter: str) -> list[str]:
    """The zone's queries tell what a meter's acknowledged versions make of it."""
    ours = {s: given for s, given in journal.held.items() if (s.tenant, s.meter) == (tenant, meter)}
    query = MeterQuery(
        lab,
        tenant=tenant,
        zone=zone,
        meter=meter,
        begin_s=min(ours).start_s,
        end_s=max(ours).start_s + 1,
    )
    told = await query.shown()
    faults = hot_faults(journal, told, ours, f"the query of {zone}")
    faults += [f"{zone} tells of {slot}" for slot in told.keys() - ours.keys()]
    if lab.topology.zone(zone).tier == 1:
        replaced = {slot: [v for v in given if v != final(given)] for slot, given in ours.items()}
        if await query.revisions() != {slot: given for slot, given in replaced.items() if given}:
            faults.append(f"{zone} tells other revisions of {tenant}'s {meter}")
    return faults


def some(faults: list[str]) -> str:
    """The first few of them, for a message."""
    return f"{len(faults)} faults, such as:\n" + "\n".join(faults[:SHOWN])
