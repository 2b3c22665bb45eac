"""A worker as the gateway meets it: uvicorn on a unix socket; run with the socket's path."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs

import uvicorn

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Coroutine[Any, Any, dict[str, Any]]]

seen = {"disconnects": 0, "slow_started": 0, "settled": 0}


async def read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send: Send, body: bytes, status: int = 200) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-gridfaas-inner", b"secret"),
        (b"x-own", b"kept"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    name = scope["path"].rstrip("/").rpartition("/")[2]
    query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
    if name == "body":
        await answer(send, await read(receive))
    elif name == "calls" and scope["method"] == "POST":
        headers = {k.decode(): v.decode("latin-1") for k, v in scope["headers"]}
        kept = {"headers": headers, "body": (await read(receive)).decode()}
        body = json.dumps(kept).encode()
        said = [(b"x-call-id", b"kept-1"), (b"location", b"/v1/calls/kept-1")]
        said.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 202, "headers": said})
        await send({"type": "http.response.body", "body": body})
    elif name == "fault":
        body = b'{"type":"urn:gridfaas:problem:handler-failed","detail":"KeyError"}'
        kind = query.get("kind", "application/problem+json").encode()
        said = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 500, "headers": said})
        await send({"type": "http.response.body", "body": body})
    elif name == "told":
        size = int(query.get("size", "2"))
        said = [(b"x-gridfaas-" + k.encode(), v.encode()) for k, v in query.items()]
        said.append((b"content-length", b"%d" % size))
        await send({"type": "http.response.start", "status": 200, "headers": said})
        await send({"type": "http.response.body", "body": bytes(size)})
    elif name == "cost":
        # As the platform's own functions say it: last of all, behind the length.
        sent = await read(receive)
        said = [(b"x-own", b"kept"), (b"content-length", b"%d" % len(sent))]
        cost = zip((b"cpu-us", b"run-us", b"memory-kb"), sent.split(b",")[:3], strict=True)
        said += [(b"x-gridfaas-" + what, value) for what, value in cost]
        await send({"type": "http.response.start", "status": 200, "headers": said})
        await send({"type": "http.response.body", "body": sent})
    elif name == "settled":
        seen["settled"] += 1
        said = [(b"content-length", b"2"), (b"x-gridfaas-unchanged", b"until-write")]
        await send({"type": "http.response.start", "status": 200, "headers": said})
        await send({"type": "http.response.body", "body": b"{}"})
    elif name == "early":
        await answer(send, b'"no thanks"', status=409)
    elif name == "slow":
        seen["slow_started"] += 1
        await read(receive)
        gone = asyncio.create_task(receive())
        await asyncio.wait({gone}, timeout=float(query["s"]))
        if gone.done():
            seen["disconnects"] += 1
            return
        gone.cancel()
        await answer(send, b'"at last"')
    elif name == "stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(int(query["n"])):
            chunk = bytes([65 + number % 26]) * int(query["size"])
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    elif name == "die":
        if query.get("when") == "midway":
            length = [(b"content-length", b"100")]
            await send({"type": "http.response.start", "status": 200, "headers": length})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            await asyncio.sleep(0.05)
        os._exit(1)
    elif name == "nothing":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
    elif name == "seen":
        await answer(send, json.dumps(seen).encode())
    else:
        shown = [[k.decode(), v.decode("latin-1")] for k, v in scope["headers"]]
        told = {
            "pid": os.getpid(),
            "client": id(scope["client"]),
            "method": scope["method"],
            "path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": shown,
        }
        await answer(send, json.dumps(told).encode())


if __name__ == "__main__":
    uvicorn.run(
        app, uds=sys.argv[1], loop="uvloop", http="httptools", ws="none", log_level="warning"
    )
