import json
from typing import Any

import pytest

from gateway.asgi import Message, Receive, Scope, Send
from gateway.guarded import guarded

Sent = list[Message]


async def nothing() -> Message:
    return {"type": "http.disconnect"}


async def run(part: Any) -> Sent:
    sent: Sent = []

    async def send(message: Message) -> None:
        sent.append(message)

    await guarded(part)({"type": "http"}, nothing, send)
    return sent


async def test_what_a_part_raises_is_a_problem_without_its_words() -> None:
    async def part(scope: Scope, receive: Receive, send: Send) -> None:
        raise KeyError("a secret of ours")

    start, body = await run(part)

    assert start["status"] == 500
    assert (b"content-type", b"application/problem+json") in start["headers"]
    said = json.loads(body["body"])
    assert said["type"] == "urn:gridfaas:problem:internal-error"
    assert "secret" not in body["body"].decode()


async def test_an_answer_that_breaks_off_stays_broken() -> None:
    async def part(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("half way")

    with pytest.raises(KeyError):
        await run(part)
