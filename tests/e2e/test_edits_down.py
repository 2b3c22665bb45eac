"""An edit at headquarters shows at the edge of a running lab, through gateways and links."""

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e.lab import PAUSE_S, Lab
from tests.e2e.versions import REGISTER

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

DEADLINE_S = 60
METER = "edited-1"
START = "2026-01-01T00:00:00Z"


async def post(lab: Lab, zone: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await lab.call(
        lab.tenants[0], zone, path, method="POST", body=json.dumps(body).encode()
    )
    assert answer.status == 200, answer
    said: dict[str, Any] = json.loads(answer.body)
    return said


async def until_shown(lab: Lab, zone: str, values: list[int]) -> None:
    period = {"meter_id": METER, "register": REGISTER, "from": START, "to": "2026-01-01T00:45:00Z"}
    path = f"/v1/mdms/readings?{urlencode(period)}"
    async with asyncio.timeout(DEADLINE_S):
        while True:
            series = (await lab.ask(lab.tenants[0], zone, path))["series"]
            if [value for one in series for value in one["final"]] == values:
                return
            await asyncio.sleep(PAUSE_S)


async def test_an_edit_reaches_the_edge(shared_lab: Lab) -> None:
    edge = shared_lab.edges[0]
    await shared_lab.register(shared_lab.tenants[0], [METER])
    series = {"meter_id": METER, "register": REGISTER, "interval_s": 900, "start": START}
    run = series | {"values": [10, 20, 30]}
    sent = await post(shared_lab, edge, "/v1/mdms/readings", {"series": [run]})
    assert sent["accepted"] + sent["duplicate"] == 3
    await until_shown(shared_lab, "zone-1", [10, 20, 30])

    edits = [series | {"values": [11]}]
    await post(shared_lab, "zone-1", "/v1/mdms/edits", {"edits": edits, "reason": "seen there"})

    for zone in ("zone-1", "zone-2", edge):
        await until_shown(shared_lab, zone, [11, 20, 30])
    again = await post(shared_lab, edge, "/v1/mdms/readings", {"series": [run]})
    assert again["duplicate"] == 3
