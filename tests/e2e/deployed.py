"""A tenant's function in a running lab, deployed as its developer would, and calls for later."""

import asyncio
import time
from collections.abc import Collection
from typing import Any

import httpx

from deploy.lab.topology import gateway_url, headquarters
from storage.platform.functions.bundle import BundleFile, pack_bundle
from tests.e2e.lab import Lab

PAUSE_S = 0.1
ATTEMPTS = 600


class Developer:
    """A tenant's administrator with a client; close it at the end."""

    def __init__(self, lab: Lab, tenant: str) -> None:
        self._lab = lab
        self._client = httpx.AsyncClient(
            headers={"authorization": f"Bearer {lab.running.keys.tenants[tenant]}"},
            timeout=30,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close the client."""
        await self._client.aclose()

    async def ask(self, zone: str, method: str, path: str, **more: Any) -> httpx.Response:
        """One request to a zone's gateway.

        Raises:
            httpx.HTTPError: no answer; the request may have worked.
        """
        url = gateway_url(self._lab.topology.zone(zone))
        return await self._client.request(method, f"{url}{path}", **more)

    async def deploy(self, name: str, *, handler: str, spec: str, zone: str) -> None:
        """Deploy a function, and return when `zone` answers its calls."""
        files = {"function.yaml": f"name: {name}\n{spec}", "handler.py": handler}
        body = pack_bundle([BundleFile(path=p, content=t.encode()) for p, t in files.items()])
        top = headquarters(self._lab.topology).name
        answer = await self.ask(
            top,
            "POST",
            "/v1/platform/functions",
            content=body,
            headers={"content-type": "application/gzip"},
        )
        assert answer.status_code == 201, answer.text
        deadline = time.monotonic() + 60
        while (answer := await self.ask(zone, "POST", f"/function/{name}", content=b"0")).is_error:
            assert time.monotonic() < deadline, answer.text
            await asyncio.sleep(PAUSE_S)

    async def call_later(self, zone: str, name: str, body: bytes) -> str:
        """Ask for a call until it is accepted, and return its id."""
        for _ in range(ATTEMPTS):
            try:
                answer = await self.ask(zone, "POST", f"/async-function/{name}", content=body)
                if answer.status_code == 202:
                    return str(answer.headers["x-call-id"])
            except httpx.HTTPError:
                pass
            await asyncio.sleep(PAUSE_S)
        raise AssertionError(f"{zone} does not accept calls")

    async def publish(self, zone: str, topic: str, body: bytes) -> str:
        """Publish until it is accepted, and return the message's id."""
        for _ in range(ATTEMPTS):
            try:
                answer = await self.ask(zone, "POST", topic, content=body)
                if answer.status_code == 201:
                    return str(answer.json()["id"])
            except httpx.HTTPError:
                pass
            await asyncio.sleep(PAUSE_S)
        raise AssertionError(f"{zone} does not take messages")

    async def ended(
        self, zone: str, calls: Collection[str], *, within_s: float
    ) -> dict[str, dict[str, Any]]:
        """Return the calls once all have ended."""
        found: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + within_s
        while waiting := [call for call in calls if call not in found]:
            for call in waiting:
                try:
                    answer = await self.ask(zone, "GET", f"/v1/calls/{call}")
                except httpx.HTTPError:
                    continue
                assert answer.status_code != 404, f"{call} is lost"
                if answer.status_code == 200 and answer.json()["state"] not in (
                    "queued",
                    "running",
                ):
                    found[call] = answer.json()
            assert time.monotonic() < deadline, (
                f"{len(waiting)} calls have not ended: {waiting[:3]}"
            )
            await asyncio.sleep(PAUSE_S)
        return found
