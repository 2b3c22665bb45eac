"""Registering the emulated meters, as a utility would: over HTTP at headquarters."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import httpx
import msgspec

from deploy.lab.failure import LabFailure
from deploy.lab.load_spec import Load

METERS_PER_BODY = 500
# While headquarters writes one body down it can read the next.
BODIES_AT_ONCE = 2
PAUSE_S = 0.2
TRY_TIMEOUT_S = 30.0
GENERATE_TIMEOUT_S = 60.0


class MetersNotRegistered(LabFailure):
    """The registry refused meters, or an edge did not learn of them in time."""


_Read = tuple[str, tuple[str, ...], int]


class _Meters(msgspec.Struct, frozen=True):
    meters: list[dict[str, Any]]


class _Answer(msgspec.Struct, frozen=True):
    rejected: int


_answer = msgspec.json.Decoder(_Answer)


async def fleet_of(load: Load) -> list[dict[str, Any]]:
    """Ask the emulator for a tenant's meters, as the registry takes them."""
    command = [sys.executable, "-m", "meter_emulator", "meters", "--tenant", load.tenant]
    process = await asyncio.create_subprocess_exec(
        *command,
        *("--count", str(load.count), "--seed", str(load.seed), "--preset", load.preset),
        *("--pv-share", str(load.pv_share), "--json"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(GENERATE_TIMEOUT_S):
            body, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise MetersNotRegistered(f"the emulator could not name the meters of {load.tenant}")
    return msgspec.json.decode(body, type=_Meters).meters


async def register_meters(
    url: str,
    *,
    key: str,
    meters: Iterable[dict[str, Any]],
    deadline: float,
    per_body: int = METERS_PER_BODY,
    on_done: Callable[[int], None] = lambda _: None,
) -> int:
    """Register `meters` at the gateway `url`; those that are there already are left as they are.

    No more of them are taken than are on their way, so they may be made as they are asked for.
    `on_done` is told of each body's number of meters; returns how many there were.

    Raises:
        MetersNotRegistered: refused, or no answer before `deadline` (`time.monotonic`).
    """
    bodies = _bodies(meters, per_body)
    registered = 0

    async def send(client: httpx.AsyncClient) -> None:
        nonlocal registered
        # Shared by all: each takes the next one.
        for count, body in bodies:
            await _register_body(client, url, body, deadline=deadline)
            registered += count
            on_done(count)

    async with _client(key) as client:
        try:
            async with asyncio.TaskGroup() as senders:
                for _ in range(BODIES_AT_ONCE):
                    senders.create_task(send(client))
        except* MetersNotRegistered as errors:
            raise errors.exceptions[0] from None
    return registered


def _bodies(meters: Iterable[dict[str, Any]], per_body: int) -> Iterator[tuple[int, bytes]]:
    left = iter(meters)
    while some := list(islice(left, per_body)):
        yield len(some), msgspec.json.encode({"meters": some})


async def _register_body(
    client: httpx.AsyncClient, url: str, body: bytes, *, deadline: float
) -> None:
    while True:
        reason = await _try_to_register(client, f"{url}/v1/mdms/meters", body)
        if reason is None:
            return
        if time.monotonic() > deadline:
            raise MetersNotRegistered(f"{url} does not register meters: {reason}")
        await asyncio.sleep(PAUSE_S)


async def wait_until_known(
    url: str, *, key: str, meters: list[dict[str, Any]], deadline: float
) -> None:
    """Return when the gateway `url` knows every meter as it is in `meters`.

    Raises:
        MetersNotRegistered: some are not known at `deadline` (`time.monotonic`).
    """
    wanted = {_read(meter) for meter in meters}
    async with _client(key) as client:
        while True:
            reason = ""
            try:
                missing = wanted - await _known(client, f"{url}/v1/mdms/meters")
            except (httpx.HTTPError, msgspec.DecodeError) as error:
                missing, reason = wanted, f" ({error})"
            if not missing:
                return
            if time.monotonic() > deadline:
                raise MetersNotRegistered(
                    f"{url} does not know {len(missing)} of {len(wanted)} meters{reason}"
                )
            await asyncio.sleep(PAUSE_S)


def _client(key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=TRY_TIMEOUT_S, trust_env=False, headers={"authorization": f"Bearer {key}"}
    )


async def _try_to_register(client: httpx.AsyncClient, url: str, body: bytes) -> str | None:
    """Return None when all meters are in, else why another try may help."""
    try:
        answer = await client.post(url, content=body, headers={"content-type": "application/json"})
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__
    # A worker may have been starting, or dying, and a new key may not have arrived yet.
    if answer.status_code in {401, 404, 429} or answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.status_code not in {200, 201}:
        raise MetersNotRegistered(f"{url} answered {answer.status_code}: {answer.text[:300]}")
    found = _answer.decode(answer.content)
    if found.rejected:
        rejected = [m for m in answer.json()["meters"] if m["outcome"] == "rejected"]
        raise MetersNotRegistered(f"{url} rejected {len(rejected)} meters, first {rejected[0]}")
    return None


def _read(meter: dict[str, Any]) -> _Read:
    """What decides whether the meter's readings are taken."""
    return str(meter["meter_id"]), tuple(sorted(meter["registers"])), int(meter["interval_s"])


async def _known(client: httpx.AsyncClient, url: str) -> set[_Read]:
    known: set[_Read] = set()
    cursor: str | None = None
    while True:
        query = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        answer = await client.get(url, params=query)
        answer.raise_for_status()
        page = answer.json()
        known |= {_read(meter) for meter in page["meters"]}
        cursor = page.get("next_cursor")
        if not cursor:
            return known
