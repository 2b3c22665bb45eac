"""Two tenants side by side: a meter of each, and the same readings of both in every store."""

from dataclasses import dataclass

from tests.e2e.body import series_body
from tests.e2e.lab import Lab
from tests.e2e.stores import drained
from tests.e2e.versions import DAY_S, FIRST_DAY, INTERVAL_S, Slot, Version, instant

READINGS = "/v1/mdms/readings"
OURS, THEIRS = "wall-ours", "wall-theirs"
FIRST_S = (FIRST_DAY + 200) * DAY_S
PERIOD = f"from={instant(FIRST_S)}&to={instant(FIRST_S + 8 * INTERVAL_S)}"
VALUE = 7


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The lab, and the slugs of the tenant that looks and of the one that is looked for."""

    lab: Lab
    us: str
    them: str


async def settle_neighbours(lab: Lab) -> Neighbours:
    """Register both meters and send their readings by every edge, up to headquarters."""
    us, them = lab.tenants
    for tenant, meter in ((us, OURS), (them, THEIRS)):
        await lab.register(tenant, [meter])
        slots = [Slot(tenant, meter, FIRST_S + n * INTERVAL_S) for n in range(8)]
        for edge in lab.edges:
            body = series_body(
                [[(slot, Version(VALUE, 0)) for slot in slots]], edge=edge, fresh=True
            )
            answer = await lab.call(tenant, edge, READINGS, method="POST", body=body.payload)
            assert answer.status == 200, answer
    await drained(lab)
    return Neighbours(lab, us, them)
