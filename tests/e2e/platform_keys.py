"""Keys made and revoked at headquarters, and what each zone thinks of them."""

import asyncio
import contextlib
import json
from dataclasses import dataclass

from deploy.lab.topology import headquarters
from tests.e2e.lab import Lab
from tests.e2e.line import Line, NoAnswer, by_port

KEYS = "/v1/platform/keys"
PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key of a tenant's: what its holder sends, and the name by which it is revoked."""

    text: str
    key_id: str


async def make_key(lab: Lab, tenant: str) -> MadeKey:
    """Make a key for the tenant's systems, with the tenant's own key."""
    top = headquarters(lab.topology).name
    form = json.dumps({"role": "tenant-service"}).encode()
    answer = await lab.call(tenant, top, KEYS, method="POST", body=form)
    assert answer.status == 201, answer
    made = json.loads(answer.body)
    return MadeKey(made["key"], made["key_id"])


async def revoke_key(lab: Lab, tenant: str, key: MadeKey) -> None:
    """Revoke it; recorded when this returns."""
    top = headquarters(lab.topology).name
    answer = await lab.call(tenant, top, f"{KEYS}/{key.key_id}", method="DELETE")
    assert answer.status == 204, answer


async def until_answered(lab: Lab, zone: str, key: MadeKey, status: int) -> None:
    """Return when the zone answers a call with this key by `status`."""
    line = Line(by_port(lab.topology.zone(zone).port), key=key.text)
    try:
        while True:
            with contextlib.suppress(NoAnswer):
                if (await line.call("GET", "/v1/mdms/meters?limit=1")).status == status:
                    return
            await asyncio.sleep(PAUSE_S)
    finally:
        line.close()
