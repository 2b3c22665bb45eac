"""Calls for later, as a caller sees them."""

import asyncio
import hashlib
import hmac
from collections import Counter

import httpx
import pytest

from tests.integration.functions.messaging.conftest import (
    Messaging,
    Start,
    as_tenant,
    eventually,
    receiver,
)
from tests.integration.functions.messaging.entrance import Asked, Entrance, Function, Reply

ASYNC = {"tries": 3, "backoff_s": 0.02, "max_backoff_s": 0.05}


def failing(*statuses: int, headers: dict[str, str] | None = None) -> Function:
    """Answer these statuses in turn, and 200 from then on."""
    left = list(statuses)

    async def answer(_: Asked) -> Reply:
        status = left.pop(0) if left else 200
        return Reply(status=status, body=str(status).encode(), headers=headers or {})

    return answer


async def never(_: Asked) -> Reply:
    await asyncio.sleep(3600)
    return Reply()


async def test_a_call_is_kept_carried_out_and_shown(
    messaging: Messaging, entrance: Entrance
) -> None:
    entrance.deploy("bill", failing(headers={"content-type": "application/json", "x-own": "1"}))

    answer = await messaging.call_later("bill", target="/july?dry=1", body=b'{"meter":7}')

    call_id = answer.headers["x-call-id"]
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/calls/{call_id}"
    call = await messaging.ended(call_id)
    assert (call["state"], call["attempts"], call["origin"]) == ("done", 1, "async")
    assert call["result"] == {
        "status": 200,
        "headers": {"content-type": "application/json", "x-own": "1"},
        "body": 200,
        "encoding": "json",
        "truncated": False,
    }
    (asked,) = entrance.asked
    assert (asked.method, asked.path, asked.body) == (
        "POST",
        "/function/bill/july?dry=1",
        b'{"meter":7}',
    )
    assert {name: asked.headers[name] for name in asked.headers if name.startswith("gridfaas")} == {
        "gridfaas-tenant": "acme",
        "gridfaas-subject": "key-of-acme",
        "gridfaas-call-id": call_id,
        "gridfaas-attempt": "1",
        "gridfaas-origin": "async",
    }
    assert asked.headers["authorization"] == "Bearer gf_zone"
    assert asked.headers["content-type"] == "application/json"


async def test_asking_again_with_a_key_is_asking_once(
    messaging: Messaging, entrance: Entrance
) -> None:
    entrance.deploy("bill")

    once, again = [await messaging.accepted("bill", idempotency_key="k-1") for _ in range(2)]
    others = [
        await messaging.accepted("bill", idempotency_key="k-2"),
        await messaging.accepted("bill", idempotency_key="k-1", target="/x"),
        await messaging.accepted("bill", idempotency_key="k-1", tenant="bolt"),
    ]

    assert once == again
    assert len({once, *others}) == 4
    await messaging.ended(once)
    await messaging.ended(others[1])
    assert await messaging.accepted("bill", idempotency_key="k-1") == once
    await asyncio.sleep(0.3)
    assert len(entrance.asked) == 4


async def test_another_tenant_sees_and_cancels_nothing(
    messaging: Messaging, entrance: Entrance
) -> None:
    entrance.deploy("bill")
    call_id = await messaging.accepted("bill")

    for path in (f"/calls/{call_id}", "/calls/none", "/calls/..%2fx"):
        assert (await messaging.get(path, tenant="bolt")).status_code == 404
    gone = await messaging.client.delete(
        f"/v1/messaging/calls/{call_id}", headers=as_tenant("bolt")
    )
    assert gone.status_code == 404
    assert (await messaging.ended(call_id))["state"] == "done"


async def test_a_client_cannot_pose_as_the_gateway(messaging: Messaging) -> None:
    answer = await messaging.client.post("/v1/messaging/calls", headers=as_tenant("acme"))
    assert answer.status_code == 404
    answer = await messaging.client.get("/v1/messaging/topics")
    assert answer.status_code == 403


async def test_failures_are_tried_again(messaging: Messaging, entrance: Entrance) -> None:
    entrance.deploy("bill", failing(503, 500), asynchronous=ASYNC)

    call = await messaging.ended(await messaging.accepted("bill"))

    assert (call["state"], call["attempts"]) == ("done", 3)
    assert [one.headers["gridfaas-attempt"] for one in entrance.asked] == ["1", "2", "3"]
    assert len({one.headers["gridfaas-call-id"] for one in entrance.asked}) == 1


async def test_after_its_tries_a_call_is_a_dead_letter_that_can_be_replayed(
    messaging: Messaging, entrance: Entrance
) -> None:
    entrance.deploy("bill", failing(503, 500, 502), asynchronous=ASYNC)

    call = await messaging.ended(await messaging.accepted("bill", target="/x", body=b'{"a":1}'))

    assert (call["state"], call["attempts"], call["error"]) == (
        "failed",
        3,
        "the function answered 502",
    )
    assert call["result"]["status"] == 502
    (letter,) = (await messaging.get("/dead-letters")).json()["dead_letters"]
    assert (letter["call"], letter["body"], letter["attempts"]) == (call["id"], {"a": 1}, 3)
    assert (await messaging.get("/dead-letters", tenant="bolt")).json()["dead_letters"] == []

    replayed = await messaging.client.post(
        f"/v1/messaging/dead-letters/{letter['id']}/replay", headers=as_tenant("acme")
    )
    assert replayed.status_code == 202
    again = await messaging.ended(replayed.json()["id"])
    assert (again["state"], again["replay_of"]) == ("done", call["id"])
    assert entrance.asked[-1].path == "/function/bill/x"
    assert (await messaging.get("/dead-letters")).json()["dead_letters"] == []


async def test_a_dead_letter_can_be_dropped(messaging: Messaging, entrance: Entrance) -> None:
    entrance.deploy("bill", failing(400))
    await messaging.ended(await messaging.accepted("bill"))
    (letter,) = (await messaging.get("/dead-letters")).json()["dead_letters"]

    path = f"/v1/messaging/dead-letters/{letter['id']}"
    assert (await messaging.client.delete(path, headers=as_tenant("bolt"))).status_code == 404
    assert (await messaging.client.delete(path, headers=as_tenant("acme"))).status_code == 204
    assert (await messaging.get("/dead-letters")).json()["dead_letters"] == []


async def test_a_refusal_by_the_function_is_final(messaging: Messaging, entrance: Entrance) -> None:
    entrance.deploy("bill", failing(422), asynchronous=ASYNC)

    call = await messaging.ended(await messaging.accepted("bill"))

    assert (call["state"], call["attempts"], call["result"]["status"]) == ("failed", 1, 422)


async def test_a_limit_is_waited_for_without_losing_tries(
    messaging: Messaging, entrance: Entrance
) -> None:
    busy = failing(*[429] * 4, headers={"retry-after": "0"})
    entrance.deploy("bill", busy, asynchronous=ASYNC | {"tries": 1})

    call = await messaging.ended(await messaging.accepted("bill"))

    assert (call["state"], call["attempts"], len(entrance.asked)) == ("done", 1, 5)


async def test_a_call_that_broke_off_is_made_again(
    messaging: Messaging, entrance: Entrance
) -> None:
    replies = [Reply(close=True), Reply()]

    async def breaks_off(_: Asked) -> Reply:
        return replies.pop(0)

    entrance.deploy("bill", breaks_off, asynchronous=ASYNC)

    assert (await messaging.ended(await messaging.accepted("bill")))["state"] == "done"
    assert len(entrance.asked) == 2


async def test_the_queue_of_a_function_is_bounded(messaging: Messaging, entrance: Entrance) -> None:
    entrance.deploy("bill", never, asynchronous=ASYNC | {"queue": 2})
    entrance.deploy("other")

    answers = [await messaging.call_later("bill") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[-1].json()["limit"] == "queue"
    assert answers[-1].json()["type"] == "urn:gridfaas:problem:too-many-requests"
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await messaging.call_later("other")).status_code == 202


async def test_a_body_too_large_is_refused(messaging: Messaging, entrance: Entrance) -> None:
    entrance.deploy("bill")

    answer = await messaging.call_later("bill", body=b"x" * (1024 * 1024 + 1))

    assert answer.status_code == 413


async def test_a_long_result_is_cut_and_says_so(start: Start, entrance: Entrance) -> None:
    async def long(_: Asked) -> Reply:
        return Reply(body=b"x" * 5_000)

    entrance.deploy("bill", long)
    messaging = await start(result_bytes=1_000)

    result = (await messaging.ended(await messaging.accepted("bill")))["result"]

    assert (len(result["body"]), result["truncated"]) == (1_000, True)


async def test_a_running_call_is_cancelled_and_its_request_dropped(
    messaging: Messaging, entrance: Entrance
) -> None:
    left = asyncio.Event()

    async def notices(_: Asked) -> Reply:
        try:
            await asyncio.sleep(3600)
        finally:
            left.set()
        return Reply()

    entrance.deploy("bill", notices)
    call_id = await messaging.accepted("bill")

    async def runs() -> bool:
        return bool(entrance.asked) and (await messaging.call(call_id))["state"] == "running"

    await eventually(runs)
    path = f"/v1/messaging/calls/{call_id}"
    cancelled = await messaging.client.delete(path, headers=as_tenant("acme"))
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    async with asyncio.timeout(10):
        await left.wait()
    again = await messaging.client.delete(path, headers=as_tenant("acme"))
    assert (again.status_code, again.json()["type"]) == (409, "urn:gridfaas:problem:call-ended")
    assert len(entrance.asked) == 1


async def test_a_waiting_call_that_is_cancelled_never_runs(
    start: Start, entrance: Entrance
) -> None:
    entrance.deploy("slow", never)
    entrance.deploy("bill")
    messaging = await start(at_once=1)
    await messaging.accepted("slow")
    await eventually(lambda: asyncio.sleep(0, bool(entrance.asked)))
    waiting = await messaging.accepted("bill")

    gone = await messaging.client.delete(
        f"/v1/messaging/calls/{waiting}", headers=as_tenant("acme")
    )

    assert gone.json()["state"] == "cancelled"
    assert entrance.bodies("bill") == []


async def test_a_tenant_with_a_backlog_does_not_hold_up_another(
    start: Start, entrance: Entrance
) -> None:
    order: list[str] = []

    async def note(asked: Asked) -> Reply:
        order.append(asked.headers["gridfaas-tenant"])
        await asyncio.sleep(0.005)
        return Reply()

    entrance.deploy("bill", note)
    first = await start(at_once=1, at_once_tenant=1)
    for _ in range(30):
        await first.accepted("bill")
    late = [await first.accepted("bill", tenant="bolt") for _ in range(3)]
    for call_id in late:
        await first.ended(call_id, tenant="bolt")

    # One call of acme's between two of bolt's, whatever waits.
    served = Counter(order[order.index("bolt") : len(order) - order[::-1].index("bolt")])
    assert served["acme"] <= served["bolt"]


async def test_what_a_worker_had_is_taken_up_by_the_next(start: Start, entrance: Entrance) -> None:
    once = asyncio.Event()

    async def hangs_once(_: Asked) -> Reply:
        if not once.is_set():
            once.set()
            await asyncio.sleep(3600)
        return Reply()

    entrance.deploy("bill", hangs_once)
    first = await start()
    call_id = await first.accepted("bill")
    async with asyncio.timeout(10):
        await once.wait()
    await first.stack.aclose()

    second = await start()

    assert (await second.ended(call_id))["state"] == "done"
    assert [one.headers["gridfaas-call-id"] for one in entrance.asked] == [call_id] * 2


async def test_a_long_call_keeps_its_lease(start: Start, entrance: Entrance) -> None:
    async def slow(_: Asked) -> Reply:
        await asyncio.sleep(1.5)
        return Reply()

    entrance.deploy("bill", slow)
    messaging = await start(lease_s=0.6)
    await start(lease_s=0.6)

    assert (await messaging.ended(await messaging.accepted("bill")))["state"] == "done"
    assert len(entrance.asked) == 1


async def test_the_caller_is_told_with_a_signature(
    messaging: Messaging, entrance: Entrance
) -> None:
    entrance.deploy("bill", failing(headers={"content-type": "text/plain"}))
    other = Entrance()
    other.functions["/told"] = failing(503)
    async with receiver(other) as url:
        call_id = await messaging.accepted("bill", x_callback_url=f"{url}/told")

        async def told() -> bool:
            return bool((await messaging.call(call_id))["callback"]["state"] == "delivered")

        await eventually(told)
    callback = (await messaging.call(call_id))["callback"]
    assert (callback["attempts"], callback["status"]) == (2, 200)
    key = (await messaging.get("/signing-key")).json()["key"]
    for asked in other.asked:
        moment, _, digest = asked.headers["gridfaas-signature"].removeprefix("t=").partition(",v1=")
        signed = f"{moment}.{call_id}.200.".encode() + asked.body
        assert digest == hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
        assert (asked.body, asked.headers["x-call-id"]) == (b"200", call_id)
        assert asked.headers["x-function-status"] == "200"
        assert "authorization" not in asked.headers


async def test_a_callback_does_not_reach_the_platforms_own_network(
    start: Start, entrance: Entrance
) -> None:
    messaging = await start(private_callbacks=False)
    entrance.deploy("bill")
    other = Entrance()
    async with receiver(other) as url:
        refused = await messaging.call_later("bill", x_callback_url=f"{url}/told")
        assert (refused.status_code, refused.json()["type"]) == (
            400,
            "urn:gridfaas:problem:callback-refused",
        )
        by_name = url.replace("127.0.0.1", "localhost")
        call_id = await messaging.accepted("bill", x_callback_url=f"{by_name}/told")

        async def failed() -> bool:
            return bool((await messaging.call(call_id))["callback"]["state"] == "failed")

        await eventually(failed)
    call = await messaging.call(call_id)
    assert call["state"] == "done"
    assert "no public address" in call["callback"]["error"]
    assert other.asked == []


async def test_redirects_of_a_receiver_are_not_followed(start: Start, entrance: Entrance) -> None:
    messaging = await start(callback_tries=1)
    entrance.deploy("bill")
    other = Entrance()
    async with receiver(other) as url:

        async def elsewhere(_: Asked) -> Reply:
            return Reply(status=307, headers={"location": f"{url}/internal"})

        other.functions["/told"] = elsewhere
        call_id = await messaging.accepted("bill", x_callback_url=f"{url}/told")

        async def failed() -> bool:
            return bool((await messaging.call(call_id))["callback"]["state"] == "failed")

        await eventually(failed)
    assert [asked.path for asked in other.asked] == ["/told"]


@pytest.mark.parametrize("role", ["tenant-service", "consumer", "async", "meter"])
async def test_the_signing_key_is_the_administrators(messaging: Messaging, role: str) -> None:
    answer = await messaging.client.get(
        "/v1/messaging/signing-key", headers=as_tenant("acme", role=role)
    )

    assert answer.status_code == 403


async def test_every_tenant_has_a_key_of_its_own_that_lasts(start: Start) -> None:
    first = await start()
    keys = {
        tenant: (await first.get("/signing-key", tenant=tenant)).json()["key"]
        for tenant in ("acme", "bolt")
    }
    second = await start()

    assert keys["acme"] != keys["bolt"]
    assert (await second.get("/signing-key")).json()["key"] == keys["acme"]


async def test_metrics_and_interface(messaging: Messaging, entrance: Entrance) -> None:
    entrance.deploy("bill")
    await messaging.ended(await messaging.accepted("bill"))

    said = (await messaging.client.get("/metrics")).text
    ended = 'gridfaas_messaging_calls_ended_total{called="bill",origin="async",state="done"'
    assert ended in said
    assert 'gridfaas_messaging_oldest_due_seconds{tenant="acme",zone="zone-1"} 0.0' in said
    assert 'gridfaas_messaging_dead_letters{tenant="bolt",zone="zone-1"} 0.0' in said
    assert (await messaging.client.get("/healthz")).status_code == 200
    document: httpx.Response = await messaging.client.get("/openapi.json")
    assert "/v1/messaging/topics/{topic}/events" in document.json()["paths"]
