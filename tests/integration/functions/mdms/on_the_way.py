"""Zones under validation, and what carries entries between them in a test."""

from typing import Any

import zstandard

from storage.hot.connection import connect
from storage.hot.uplink import Uplink
from storage.model.traffic import READING_QUEUES
from storage.model.uplink import UplinkEntry, encode_entries
from tests.integration.functions.readings import IMPORT, eventually, meter
from tests.integration.functions.zone import Zone, provision_hot

QUICK = {"validation_rest_s": 0.02, "gap_sweep_s": 0.05}
DAY = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}


async def post_entries(parent: Zone, child: str, entries: list[UplinkEntry]) -> None:
    """Post entries as the link of zone `child` does."""
    answered = await parent.client.post(
        "/v1/mdms/uplink",
        content=zstandard.compress(encode_entries(entries)),
        headers={"Content-Type": "application/x-gridfaas-uplink", "Content-Encoding": "zstd"}
        | parent.calls_as(child, tenant="acme"),
    )
    assert answered.json()["acknowledged"] == len(entries), answered.text


async def carry(redis_url: str, child: Zone, parent: Zone) -> list[UplinkEntry]:
    """Hand everything that waits in `child` to its parent, and let it go; return what it was."""
    link = connect(await provision_hot(redis_url))
    try:
        carried: list[UplinkEntry] = []
        uplink = Uplink(link)
        for queue in READING_QUEUES:
            pending = await uplink.pending("acme", queue, max_bytes=1 << 30, max_entries=10_000)
            if pending:
                await post_entries(parent, child.name, [one.entry for one in pending])
                await uplink.acknowledge("acme", pending[-1].id, queue)
                carried += (one.entry for one in pending)
        return carried
    finally:
        await link.aclose()


async def hold(zone: Zone, *meters: dict[str, Any], rules: Any = None, after: int = 0) -> None:
    """Give a zone below headquarters its copy of the registry, and of the rules."""
    version = after + len(meters) + (rules is not None)
    page = {"after": after, "version": version, "complete": True, "meters": list(meters)}
    if rules is not None:
        page["rules"] = rules | {"version": version}
    taken = await zone.client.post(
        "/v1/mdms/downlink", json=page, headers=zone.calls_as(zone.name, tenant="acme")
    )
    assert taken.status_code == 200, taken.text


def meters(*names: str, **changes: Any) -> list[dict[str, Any]]:
    return [meter(name, version=at, **changes) for at, name in enumerate(names, start=1)]


async def findings(zone: Zone, *names: str) -> dict[str, Any]:
    answered = await zone.client.get("/v1/mdms/findings", params={"meter_id": names} | DAY)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


async def found(zone: Zone, *names: str) -> list[tuple[str, str, str, int]]:
    """Meter, rule, start within the day and length of each finding, in order."""
    return sorted(
        (one["meter_id"], one["rule"], one["from"][11:16], one["intervals"])
        for one in (await findings(zone, *names))["findings"]
    )


async def validated(zone: Zone) -> None:
    """Wait until nothing waits for validation."""

    async def nothing_waits() -> bool:
        figures = (await zone.client.get("/metrics")).text
        lines = [one for one in figures.splitlines() if "validation_entries{" in one]
        return bool(lines) and float(lines[0].rpartition(" ")[2]) == 0

    await eventually(nothing_waits)


async def exceptions(headquarters: Zone, **asked: Any) -> list[tuple[str, str, str, int]]:
    """As `found`, of the exceptions at headquarters."""
    answered = await headquarters.client.get("/v1/mdms/exceptions", params=asked)
    assert answered.status_code == 200, answered.text
    return sorted(
        (one["meter_id"], one["rule"], one["from"][11:16], one["intervals"])
        for one in answered.json()["exceptions"]
    )


async def send_reads(zone: Zone, *reads: tuple[str, str, int]) -> None:
    """Post register reads: meter, time of the day and what the dials show."""
    body = {
        "readings": [
            {"meter_id": name, "register": IMPORT, "at": f"2026-01-01T{at}:00Z", "value": value}
            for name, at, value in reads
        ]
    }
    answered = await zone.client.post("/v1/mdms/readings", json=body)
    assert answered.json()["accepted"] == len(reads), answered.text
