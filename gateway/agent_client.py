"""Control calls to the agent of this zone over its unix socket."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from gateway.catalogue import FunctionList
from gateway.refusal import Refusal

_T = TypeVar("_T")

# Each function that is being started holds one for up to twelve seconds, whoever's it is.
MAX_CONNECTIONS: Final = 512
# Who reads a log may take an hour: no tenant's readers may keep a start waiting.
LOG_CONNECTIONS: Final = 64
LOG_READERS: Final = 8


class AgentUnavailable(Refusal):
    """The agent did not answer, or not in a way that can be read."""


class TooManyFollowers(Refusal):
    """As many as may follow the logs of a tenant's functions in this zone do so."""


class ParentUnavailable(Refusal):
    """The parent zone did not take it; whoever sent it keeps it and tries again."""


class InstanceRefused(Refusal):
    """The agent runs no instance of this function for this tenant, and says why."""


class InstanceEntry(msgspec.Struct, frozen=True):
    """A ready worker: where it listens and how many calls it takes at a time."""

    id: str
    socket: str
    concurrency: int


class InstanceList(msgspec.Struct, frozen=True):
    """The agent's answer; never empty. `version` is that of the function they run."""

    instances: list[InstanceEntry]
    version: int = 0


class NotHere(Exception):
    """The agent of this zone knows no such function, or it runs in other tiers."""


class WorkerHere(msgspec.Struct, frozen=True):
    """A worker of a function; `active` calls in flight, `invocations` since its start."""

    id: str
    version: int
    state: str
    started_at: datetime
    active: int
    invocations: int


class EndHere(msgspec.Struct, frozen=True):
    """Why a worker ended."""

    instance: str
    version: int
    reason: str
    detail: str
    at: datetime


class FunctionHere(msgspec.Struct, frozen=True):
    """A function in this zone: `version` shall be in force, `serving` is (0: none).

    So it is as of `platform_version` of the platform's record.
    """

    zone: str
    version: int
    state: str
    reason: str
    serving: int
    instances: list[WorkerHere]
    start_failure: str
    ended: dict[str, int]
    last_end: EndHere | None
    platform_version: int = 0


class LedgerTaken(msgspec.Struct, frozen=True):
    """How far headquarters has taken a segment of the ledger."""

    next: int


class _AgentProblem(msgspec.Struct):
    detail: str = "the agent gives no reason"


class AgentClient:
    """The agent's HTTP API, as far as a gateway uses it; every call within `timeout_s`."""

    def __init__(self, socket: Path, *, timeout_s: float) -> None:
        self._http = _client(socket, most=MAX_CONNECTIONS, timeout_s=timeout_s)
        self._logs = _client(socket, most=LOG_CONNECTIONS, timeout_s=timeout_s)
        self._readers: Counter[str] = Counter()

    async def functions(self, *, held: str | None = None) -> tuple[FunctionList, str] | None:
        """List every function of the platform, also those of other tiers, and the list's mark.

        None when the list is still the one of the mark `held`.

        Raises:
            AgentUnavailable: no readable answer.
        """
        return await self._if_changed("/v1/functions", FunctionList, held=held)

    async def documents(self, *, held: str | None = None) -> tuple[dict[str, Any], str] | None:
        """Return the functions' OpenAPI documents by name, and their mark; as `functions`.

        Raises:
            AgentUnavailable: no readable answer, or the agent has not asked its functions yet.
        """
        return await self._if_changed("/v1/functions/openapi", dict[str, Any], held=held)

    async def instances(self, *, tenant: str, function: str, waiting: int) -> InstanceList:
        """Name the ready workers of a tenant's function; the agent starts one if there is none.

        Where `waiting` calls have no worker, it starts more, as far as the function's spec goes.

        Raises:
            AgentUnavailable: no readable answer.
            InstanceRefused: there will be none.
        """
        body = {"tenant": tenant, "function": function, "waiting": waiting}
        response = await self._call("POST", "/v1/instances", body)
        if response.status_code != 200:
            raise InstanceRefused(_reason(response), retry_after_s=1)
        found = _decode(response, InstanceList)
        if not found.instances:
            raise InstanceRefused(f"{function} has no instance", retry_after_s=1)
        return found

    async def function(self, *, tenant: str, name: str) -> FunctionHere:
        """Say how a tenant's function does in this zone.

        Raises:
            AgentUnavailable: no readable answer.
            NotHere: the agent knows none of that name, or none of this tier; says which.
        """
        response = await self._call("GET", f"/v1/functions/{quote(tenant)}/{quote(name)}")
        if response.status_code == 404:
            raise NotHere(_reason(response))
        if response.status_code != 200:
            raise AgentUnavailable(_reason(response), retry_after_s=1)
        return _decode(response, FunctionHere)

    async def bundle(self, digest: str) -> bytes:
        """Return a packed bundle, which the agent gets from its parent if need be.

        Raises:
            AgentUnavailable: no answer, or no bundle.
        """
        response = await self._call("GET", f"/v1/bundles/{quote(digest)}")
        if response.status_code != 200:
            raise AgentUnavailable(_reason(response), retry_after_s=1)
        return response.content

    @asynccontextmanager
    async def logs(
        self, *, tenant: str, name: str, tail: int, follow: bool
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the lines of a function's log, as JSON each; `follow` goes on until it is closed.

        Raises:
            AgentUnavailable: no answer, or none any more.
            TooManyFollowers: the tenant's logs are being read as often as they may be.
        """
        if self._readers[tenant] >= LOG_READERS:
            raise TooManyFollowers(
                f"{LOG_READERS} read logs of {tenant} in this zone already",
                members={"limit": "log_readers", "log_readers": LOG_READERS},
                retry_after_s=5,
            )
        query = urlencode({"tail": tail, "follow": str(follow).lower()})
        path = f"/v1/functions/{quote(tenant)}/{quote(name)}/logs?{query}"
        waiting = httpx.Timeout(self._logs.timeout.connect, read=None if follow else 15.0)
        self._readers[tenant] += 1
        try:
            async with self._logs.stream("GET", path, timeout=waiting) as response:
                if response.status_code != 200:
                    await response.aread()
                    raise AgentUnavailable(_reason(response), retry_after_s=1)
                yield response.aiter_bytes()
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise AgentUnavailable(f"the agent breaks off: {reason}", retry_after_s=1) from error
        finally:
            self._readers[tenant] -= 1
            if not self._readers[tenant]:
                del self._readers[tenant]

    async def metrics(self) -> bytes:
        """Return what the agent and its workers count, as Prometheus text.

        Raises:
            AgentUnavailable: no such answer.
        """
        response = await self._call("GET", "/metrics")
        if response.status_code != 200:
            raise AgentUnavailable(f"the agent answered {response.status_code}", retry_after_s=1)
        return response.content

    async def answers(self) -> bool:
        """Whether the agent says that it is ready."""
        try:
            return (await self._call("GET", "/readyz")).status_code == 200
        except AgentUnavailable:
            return False

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        await self._logs.aclose()

    async def pass_ledger(self, *, zone: str, segment: str, offset: int, body: bytes) -> int:
        """Have a zone's batch handed to the parent; return the offset that is wanted next.

        Raises:
            AgentUnavailable: no readable answer.
            ParentUnavailable: headquarters has not taken it.
        """
        query = urlencode({"zone": zone, "segment": segment, "offset": offset})
        response = await self._call("POST", f"/v1/ledger?{query}", content=body)
        if response.status_code != 200:
            raise ParentUnavailable(_reason(response), retry_after_s=1)
        return _decode(response, LedgerTaken).next

    async def _if_changed(
        self, path: str, kind: type[_T], *, held: str | None
    ) -> tuple[_T, str] | None:
        headers = {} if held is None else {"if-none-match": held}
        response = await self._call("GET", path, headers=headers)
        if response.status_code == 304:
            return None
        if response.status_code != 200:
            raise AgentUnavailable(f"the agent answered {response.status_code}", retry_after_s=1)
        return _decode(response, kind), response.headers.get("etag", "")

    async def _call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        try:
            return await self._http.request(
                method, path, json=body, headers=headers, content=content
            )
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise AgentUnavailable(
                f"the agent does not answer: {reason}", retry_after_s=1
            ) from error


def _client(socket: Path, *, most: int, timeout_s: float) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(
            uds=str(socket), limits=httpx.Limits(max_connections=most, max_keepalive_connections=16)
        ),
        base_url="http://agent",
        timeout=timeout_s,
        trust_env=False,
    )


def _reason(response: httpx.Response) -> str:
    try:
        return msgspec.json.decode(response.content, type=_AgentProblem).detail
    except msgspec.DecodeError:
        return f"the agent answered {response.status_code}"


def _decode(response: httpx.Response, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as error:
        raise AgentUnavailable(f"the agent's answer is unreadable: {error}") from error
