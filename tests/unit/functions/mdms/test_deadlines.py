"""Waits that end when their time is over, and bodies of readings that wait too long."""

import asyncio
import json

import pytest

from functions.mdms.deadlines import Deadlines
from functions.mdms.hot_routes import READINGS, HotRoutes
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.problems import DeadlineExceeded
from functions.runtime.whole_call import Headers, WholeCall
from storage.memory import MemoryHotStore
from storage.model.payload import Batch
from storage.ports import Acceptance
from tests.unit.functions.mdms.bodies import body, run
from tests.unit.functions.mdms.first_hop import Hop

WAIT_S = 10


class SlowStore(MemoryHotStore):
    """Takes nothing before it is told to."""

    def __init__(self) -> None:
        super().__init__(uplink_limit_bytes=1 << 20)
        self.go_on = asyncio.Event()
        self.begun: asyncio.Queue[Batch] = asyncio.Queue()

    async def accept(self, batch: Batch) -> Acceptance:
        self.begun.put_nowait(batch)
        await self.go_on.wait()
        return await super().accept(batch)


async def test_each_wait_ends_at_its_own_time() -> None:
    deadlines = Deadlines("the store")
    loop = asyncio.get_running_loop()
    short, long, done = (loop.create_future() for _ in range(3))
    for waiting, left_s in ((short, 0.1), (long, 60.0), (done, 0.1)):
        deadlines.watch(waiting, left_s=left_s)
    done.set_result("in time")

    with pytest.raises(DeadlineExceeded, match=r"no answer within 0\.1 s: waited for the store"):
        await asyncio.wait_for(short, WAIT_S)

    assert not long.done()
    assert await done == "in time"
    again = loop.create_future()
    long.set_result(None)
    await long
    deadlines.watch(again, left_s=0.1)
    with pytest.raises(DeadlineExceeded):
        await asyncio.wait_for(again, WAIT_S)


def routes_of(hop: Hop) -> HotRoutes:
    return HotRoutes(
        tier=3,
        max_body_bytes=10_000,
        max_decoded_bytes=10_000,
        metrics=MdmsMetrics(tenant="acme", zone="zone-3a"),
        ingest=hop.ingest,
        keep=None,
    )


async def test_readings_that_wait_too_long_are_answered_so_and_those_not_begun_not_stored() -> None:
    store = SlowStore()
    hop = Hop(store=store)
    routes = routes_of(hop)
    answers: asyncio.Queue[tuple[int, Headers, bytes]] = asyncio.Queue()

    def send(content: bytes, deadline_ms: int) -> bool:
        headers = {
            b"content-type": b"application/json",
            b"x-gridfaas-tenant": b"acme",
            b"x-gridfaas-role": b"tenant-service",
            b"x-request-id": b"req-1",
            b"x-gridfaas-deadline-ms": b"%d" % deadline_ms,
        }
        call = WholeCall("POST", READINGS, list(headers.items()), content)
        return routes.take_whole(call, lambda *answer: answers.put_nowait(answer))

    for meter in "AB":
        assert send(body(run(meter, [1])), 60_000)
        await asyncio.wait_for(store.begun.get(), WAIT_S)
    assert send(body(run("C", [1])), 100)
    status, headers, content = await asyncio.wait_for(answers.get(), WAIT_S)
    store.go_on.set()
    others = [await asyncio.wait_for(answers.get(), WAIT_S) for _ in range(2)]

    assert (status, dict(headers)[b"content-type"]) == (504, b"application/problem+json")
    problem = json.loads(content)
    assert problem["type"] == "urn:gridfaas:problem:deadline-exceeded"
    assert problem["request_id"] == "req-1"
    assert [one[0] for one in others] == [200, 200]
    assert [await hop.stored(meter) for meter in "ABC"] == [{0: 1}, {0: 1}, {}]


async def test_calls_that_are_alike_are_each_looked_at_as_far_as_they_differ() -> None:
    hop = Hop()
    routes = routes_of(hop)
    answers: asyncio.Queue[tuple[int, Headers, bytes]] = asyncio.Queue()
    alike = object()

    def send(content: bytes, *, media_type: bytes = b"application/json") -> bool:
        headers = [
            (b"content-type", media_type),
            (b"x-gridfaas-tenant", b"acme"),
            (b"x-gridfaas-role", b"tenant-service"),
        ]
        call = WholeCall("POST", READINGS, headers, content, alike)
        return routes.take_whole(call, lambda *answer: answers.put_nowait(answer))

    assert not send(body(run("A", [1])), media_type=b"text/xml")
    assert all(send(body(run(meter, [1]))) for meter in "AB")
    assert not send(b"{")
    assert not send(body(run("C", [1] * 10_000)))

    found = [await asyncio.wait_for(answers.get(), WAIT_S) for _ in range(2)]
    assert [(status, json.loads(content)["accepted"]) for status, _, content in found] == [
        (200, 1),
        (200, 1),
    ]
    assert [await hop.stored(meter) for meter in "ABC"] == [{0: 1}, {0: 1}, {}]
