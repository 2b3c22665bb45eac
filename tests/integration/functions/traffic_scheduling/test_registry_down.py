"""A tenant's registry on its way down: to the edge through the fog, changed, and restored."""

from deploy.servers.postgres import query
from tests.integration.functions.readings import IMPORT, eventually, meter
from tests.integration.functions.traffic_scheduling.links import Way


async def test_a_restored_registry_takes_the_place_of_the_copies_below(
    way: Way, database_url: str
) -> None:
    way.headquarters.entrance.incarnation = 1_000
    await way.open(registry_page=2)
    await way.register("A", "B", "C", "D", "E")
    await way.has_registered("A", "B", "C", "D", "E")

    # Put back to an empty registry, and fewer meters registered than the zones know versions.
    for emptied in (
        "DELETE FROM t_acme.meter_history",
        "DELETE FROM t_acme.meters",
        "UPDATE t_acme.registry_position SET version = 0",
    ):
        query(database_url, emptied)
    await way.register("A", "N", "M")
    way.headquarters.entrance.incarnation = 2_000

    await way.has_registered("A", "M", "N")
    await way.register("O")
    await way.has_registered("A", "M", "N", "O")


async def test_a_changed_registry_reaches_the_edge_through_the_fog(way: Way) -> None:
    names = sorted(f"M{number}" for number in range(25))
    await way.register(*names)
    await way.open(registry_page=10)
    await way.has_registered(*names)
    changed = meter("M7", registers=[IMPORT, "1-0:2.8.0"])
    await way.headquarters.client.post("/v1/mdms/meters", json={"meters": [changed]})

    async def change_known() -> bool:
        found = (await way.edge.client.get("/v1/mdms/meters/M7")).json()
        return len(found["registers"]) == 2

    await eventually(change_known)
