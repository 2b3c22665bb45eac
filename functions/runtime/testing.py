"""A client for a function's own tests: the function runs as in a zone, without a zone.

from pathlib import Path
from functions.runtime.testing import FunctionClient

def test_hello():
    with FunctionClient(Path(__file__).parent) as client:
        answer = client.post("/", json={"name": "Basra"})
    assert answer.json() == {"hello": "Basra"}
"""

import asyncio
import secrets as random_ids
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from functions.runtime.config import WorkerConfig
from functions.runtime.event import Trigger
from functions.runtime.resources import Resources
from functions.runtime.tenant_code import load_function
from functions.runtime.zone_calls import Answer, CallFailed
from storage.platform.functions.spec_file import FILE_NAME
from storage.platform.functions.spec_file import load_function as load_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What the function sent to its zone: `/function/NAME/...` or `/v1/messaging/topics/TOPIC`."""

    path: str
    method: str
    body: Any


class RecordedCalls:
    """Stands in for the zone around a function under test; knows what it was told to answer."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.sent: list[Sent] = []
        self._answers = answers

    async def send(
        self, path: str, *, body: Any, method: str, headers: Mapping[str, str], timeout_s: float
    ) -> Answer:
        """Note the call; a path without an answer is unknown, as it would be in a zone."""
        self.sent.append(Sent(path=path, method=method, body=body))
        if path not in self._answers:
            raise CallFailed(path, Answer(status=404, headers={}, body=b"not found"))
        content = msgspec.json.encode(self._answers[path])
        return Answer(status=200, headers={"content-type": "application/json"}, body=content)

    async def close(self) -> None:
        """Do nothing."""


class _GivenResources(Resources):
    def __init__(self, config: WorkerConfig, *, hot: Any, cold: Any, calls: RecordedCalls) -> None:
        super().__init__(config)
        self._given = hot, cold, calls

    async def open(self) -> None:
        self._hot, self._cold, self._calls = self._given

    async def close(self) -> None:
        self._hot = self._cold = self._calls = None


class FunctionClient:
    """Calls the function in `folder`; a context manager, to be entered before the first call.

    `hot` and `cold` are what the function finds in its context: any object with the methods that
    it uses. `answers` maps a path of the zone (`/function/NAME/`, `/v1/messaging/topics/TOPIC`)
    to the JSON that is answered there; `sent` is what the function sent. `config` adds to the
    texts of function.yaml.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tenant: str = "acme",
        zone: str = "zone-3a",
        tier: int = 3,
        hot: Any = None,
        cold: Any = None,
        config: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        answers: Mapping[str, Any] | None = None,
    ) -> None:
        spec = load_spec(folder / FILE_NAME)
        described = WorkerConfig(
            function=spec.name,
            tenant=tenant,
            zone=zone,
            tier=tier,
            socket="",
            gateway_url="",
            folder=str(folder.resolve()),
            timeout_s=spec.timeout_s,
            config={**spec.config, **(config or {})},
            secrets=dict(secrets or {}),
        )
        self._tenant = tenant
        self._calls = RecordedCalls(answers or {})
        resources = _GivenResources(described, hot=hot, cold=cold, calls=self._calls)
        self._app = load_function(described, resources=resources)
        self._runner = asyncio.Runner()
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._lifespan: asyncio.Future[None] | None = None

    @property
    def sent(self) -> list[Sent]:
        """What the function invoked and published so far, in order."""
        return self._calls.sent

    def __enter__(self) -> Self:
        """Start the function as a worker does."""
        self._runner.run(self._start())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        self._runner.run(self._stop())
        self._runner.close()

    def get(self, path: str = "/", **request: Any) -> httpx.Response:
        """Call with GET; see `call`."""
        return self.call("GET", path, **request)

    def post(self, path: str = "/", **request: Any) -> httpx.Response:
        """Call with POST; see `call`."""
        return self.call("POST", path, **request)

    def call(
        self,
        method: str,
        path: str = "/",
        *,
        trigger: Trigger = "http",
        attempt: int = 1,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """Call the function; `request` holds `json`, `content` or `params` as httpx has them.

        Raises:
            Exception: the function's own, where a caller in a zone would be answered 500.
        """
        call_id = random_ids.token_hex(8)
        said = {
            "x-gridfaas-tenant": self._tenant,
            "x-gridfaas-role": "tenant-service" if trigger == "http" else trigger,
            "x-gridfaas-subject": "test",
            "x-call-id": call_id if trigger == "http" else f"{call_id}.{attempt}",
            "x-request-id": call_id,
        }
        return self._runner.run(
            self._send(method, path, headers={**(headers or {}), **said}, **request)
        )

    async def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://function") as client:
            return await client.request(method, path, **request)

    async def _start(self) -> None:
        started = asyncio.get_running_loop().create_future()

        async def send(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                started.set_exception(RuntimeError(message.get("message", "it did not start")))
            elif not started.done():
                started.set_result(None)

        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self._lifespan = asyncio.ensure_future(self._app(scope, self._told.get, send))
        await self._told.put({"type": "lifespan.startup"})
        await asyncio.wait({started, self._lifespan}, return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            started.result()

    async def _stop(self) -> None:
        await self._told.put({"type": "lifespan.shutdown"})
        if self._lifespan is not None:
            await self._lifespan
