"""Validation of what passes zone 2: found once, told to headquarters, withdrawn by late data."""

from storage.hot.connection import connect
from storage.hot.tiering import TierNotes
from tests.integration.functions.mdms.on_the_way import (
    DAY,
    carry,
    exceptions,
    found,
    post_entries,
    send_reads,
    validated,
)
from tests.integration.functions.readings import IMPORT, eventually, run, send
from tests.integration.functions.zone import Zone

SPIKE = ("A", "interval-spike", "00:30", 1)


async def test_a_finding_becomes_an_exception_and_late_data_ends_it(
    validating: tuple[Zone, Zone], headquarters: Zone, redis_url: str, fog_url: str
) -> None:
    edge, fog = validating
    await headquarters.client.post(
        "/v1/mdms/meters",
        json={"meters": [{"meter_id": "A", "registers": [IMPORT], "interval_s": 900}]},
    )
    await send(edge, run("A", [100, 110, 9_000, 105, 99, 101]))
    await carry(redis_url, edge, fog)
    await validated(fog)
    assert await found(fog, "A") == [SPIKE]
    await carry(fog_url, fog, headquarters)
    assert await exceptions(headquarters) == [SPIKE]

    # The oven was on: with a high neighbour it is no spike any more.
    await send(edge, run("A", [8_000], start="2026-01-01T00:45:00Z"))
    await carry(redis_url, edge, fog)
    await validated(fog)
    assert await found(fog, "A") == []
    await carry(fog_url, fog, headquarters)
    assert await exceptions(headquarters) == []
    closed = await headquarters.client.get("/v1/mdms/exceptions", params={"state": "closed"})
    [withdrawn] = closed.json()["exceptions"]
    assert (withdrawn["decision"], withdrawn["decided_by"]) == ("withdrawn", "validation@zone-2")
    audited = await headquarters.client.get(
        "/v1/mdms/audit", params={"action": "exception-withdrawn"}
    )
    [row] = audited.json()["audit"]
    assert (row["actor"], row["exception_id"]) == ("validation@zone-2", withdrawn["exception_id"])
    assert (row["meter_id"], row["from"], row["reason"]) == (
        "A",
        "2026-01-01T00:30:00Z",
        withdrawn["reason"],
    )


async def test_findings_that_are_sent_again_open_nothing_twice(
    validating: tuple[Zone, Zone], headquarters: Zone, redis_url: str, fog_url: str
) -> None:
    edge, fog = validating
    await send(edge, run("A", [100, 110, 9_000, 105, 99, 101]))
    await carry(redis_url, edge, fog)
    await validated(fog)
    first = await carry(fog_url, fog, headquarters)
    await send(edge, run("A", [8_000], start="2026-01-01T00:45:00Z"))
    await carry(redis_url, edge, fog)
    await validated(fog)
    await carry(fog_url, fog, headquarters)
    await post_entries(headquarters, fog.name, first)

    assert await exceptions(headquarters) == []
    assert len(await exceptions(headquarters, state="closed")) == 1
    audited = await headquarters.client.get("/v1/mdms/audit", params={"meter_id": "A"})
    assert len(audited.json()["audit"]) == 1


async def test_findings_are_asked_for_in_zone_2(edge: Zone) -> None:
    refused = await edge.client.get("/v1/mdms/findings", params={"meter_id": "A"} | DAY)

    assert refused.status_code == 404
    assert refused.json()["tiers"] == [2]


async def test_findings_of_days_that_were_dropped_go_but_those_of_blocks_that_stayed(
    validating: tuple[Zone, Zone], redis_url: str, fog_url: str
) -> None:
    edge, fog = validating
    # A's first day has a block, B's has none but a register that goes back; both have gaps.
    await send(edge, run("A", [100, 110, 9_000, 105, 99, 101]))
    await send_reads(edge, ("B", "00:00", 5_000), ("B", "02:00", 1_000))
    await send(edge, run("A", [100] * 4, start="2026-01-02T00:00:00Z"))
    await carry(redis_url, edge, fog)
    await validated(fog)
    spike, backward = SPIKE, ("B", "backward-dial", "02:00", 1)

    async def both_found() -> bool:
        return {spike, backward} <= set(await found(fog, "A", "B"))

    await eventually(both_found)
    admin = connect(fog_url)
    try:
        await TierNotes(admin, slug="acme").will_drop(20_454)
    finally:
        await admin.aclose()
    await send(edge, run("A", [100] * 4, start="2026-01-02T01:00:00Z"))
    await carry(redis_url, edge, fog)

    async def pruned() -> bool:
        return backward not in await found(fog, "A", "B")

    await eventually(pruned)
    assert spike in await found(fog, "A", "B")
