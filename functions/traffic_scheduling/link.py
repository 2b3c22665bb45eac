"""The link to the parent zone, and the way to the own gateway: HTTP calls with deadlines."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import httpx
import msgspec

from functions.traffic_scheduling.link_messages import (
    Acknowledged,
    EditPosition,
    Held,
    LinkTenant,
    Post,
    RegistryPage,
    RegistryStep,
    Taken,
    Tenants,
)
from storage.model.meter import RegistryPosition
from storage.model.traffic import Cargo, UplinkQueue
from storage.model.uplink import encode_entries

UPLINKS: Final = {
    Cargo.READINGS: "/v1/mdms/uplink",
    Cargo.MESSAGES: "/v1/messaging/uplink/{}",
}
DOWNLINK: Final = "/v1/mdms/downlink"
EDITS: Final = f"{DOWNLINK}/edits"
MEDIA_TYPE: Final = "application/x-gridfaas-uplink"
NO_ENTRIES: Final = encode_entries([])
CONNECT_S: Final = 5.0
_NO_ANSWER: Final = (httpx.ReadTimeout, httpx.PoolTimeout)


_Answer = TypeVar("_Answer")


class LinkDown(ConnectionError):
    """The zone on the other side cannot be reached: true for every tenant."""


class CallRefused(Exception):
    """The other side answered something else than 200, for this tenant's call."""

    def __init__(self, what: str, *, status: int | None, retry_after_s: float) -> None:
        super().__init__(what)
        self.status = status
        self.retry_after_s = retry_after_s


class Link:
    """Calls with the zone's credential; `parent` and `own` are clients with base URLs.

    `moved` is told of the bytes that went `up` to the parent or came `down` from it.
    """

    def __init__(
        self,
        *,
        parent: httpx.AsyncClient,
        own: httpx.AsyncClient,
        answer_within_s: float,
        moved: Callable[[str, int], None],
    ) -> None:
        self._parent = parent
        self._own = own
        self._moved = moved
        self._timeout = httpx.Timeout(answer_within_s, connect=CONNECT_S)

    def entries(self, tenant: str, queue: UplinkQueue, body: bytes) -> Post:
        """Make the post of a zstd body of a queue's entries."""
        request = self._parent.build_request(
            "POST",
            UPLINKS[queue.cargo].format(queue.traffic_class.value),
            content=body,
            headers={
                "GridFaaS-Tenant": tenant,
                "Content-Type": MEDIA_TYPE,
                "Content-Encoding": "zstd",
            },
            timeout=self._timeout,
        )
        return Post(request, _head_bytes(request) + len(body))

    async def post(self, post: Post) -> Acknowledged:
        """Send it; return how many of its entries, from the first, the parent holds durably.

        Raises:
            LinkDown: the parent cannot be reached.
            CallRefused: it did not take them; sending them again later is harmless.
        """
        answer = await self._send(self._parent, post.request)
        return _decoded(answer, Acknowledged)

    async def tenants(self) -> list[LinkTenant]:
        """The zone's tenants, from its own gateway.

        Raises:
            LinkDown: the gateway cannot be reached.
            CallRefused: it did not answer 200.
        """
        answer = await self._call(self._own, "GET", "/v1/platform/tenants")
        return _decoded(answer, Tenants).tenants

    async def registry_position(self, tenant: str) -> RegistryPosition:
        """How far this zone has a tenant's registry, the part of a newer one that it has taken
        included; errors as `tenants`."""
        answer = await self._call(self._own, "GET", f"{DOWNLINK}/version", tenant=tenant)
        held = _decoded(answer, Held)
        return held.position if held.taken is None else held.taken.position

    async def registry_changes(
        self, tenant: str, *, held: RegistryPosition, limit: int
    ) -> RegistryPage | None:
        """The parent's page of what is newer than `held`, None when it has nothing.

        Raises:
            LinkDown, CallRefused: as `post`.
        """
        answer = await self._call(
            self._parent,
            "GET",
            DOWNLINK,
            tenant=tenant,
            params={"after": held.version, "incarnation": held.incarnation, "limit": limit},
        )
        page = _decoded(answer, Taken)
        if page.position <= held:
            return None
        return RegistryPage(answer.content, page.position, page.complete)

    async def apply_changes(self, tenant: str, page: RegistryPage) -> RegistryStep:
        """Hand a page of the parent's to the own zone, unchanged; errors as `tenants`."""
        answer = await self._call(
            self._own,
            "POST",
            DOWNLINK,
            tenant=tenant,
            content=page.body,
            headers={"Content-Type": "application/json"},
        )
        taken = _decoded(answer, Taken)
        return RegistryStep(taken.position, taken.complete)

    async def edit_position(self, tenant: str) -> EditPosition:
        """How far this zone has headquarters' edits of a tenant; errors as `tenants`."""
        answer = await self._call(self._own, "GET", f"{EDITS}/position", tenant=tenant)
        return _decoded(answer, EditPosition)

    async def edits(self, tenant: str, *, held: EditPosition, limit: int) -> bytes | None:
        """The parent's edits after `held`, at most `limit`, None when it has none.

        Raises:
            LinkDown, CallRefused: as `post`.
        """
        answer = await self._call(
            self._parent,
            "GET",
            EDITS,
            tenant=tenant,
            params={"edge": held.edge, "after": held.sequence, "limit": limit},
        )
        return None if answer.content == NO_ENTRIES else answer.content

    async def take_edits(self, tenant: str, entries: bytes) -> EditPosition:
        """Hand edits to the own zone, unchanged; errors as `tenants`."""
        answer = await self._call(
            self._own,
            "POST",
            EDITS,
            tenant=tenant,
            content=entries,
            headers={"Content-Type": MEDIA_TYPE},
        )
        return _decoded(answer, EditPosition)

    async def _call(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        tenant: str | None = None,
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> httpx.Response:
        envelope = {} if tenant is None else {"GridFaaS-Tenant": tenant}
        asked = client.build_request(
            method, path, headers={**envelope, **(headers or {})}, timeout=self._timeout, **request
        )
        return await self._send(client, asked)

    async def _send(self, client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
        what = f"{request.method} {request.url.path}"
        if client is self._parent:
            self._moved("up", _head_bytes(request) + len(request.content))
        try:
            answer = await client.send(request)
        except _NO_ANSWER as error:
            # Connected, so the link is up: what hangs may hang for this tenant alone.
            raise CallRefused(
                f"{what}: no answer in time ({type(error).__name__})",
                status=None,
                retry_after_s=0.0,
            ) from error
        except httpx.HTTPError as error:
            raise LinkDown(f"{what}: {type(error).__name__}: {error}") from error
        if client is self._parent:
            head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
            # As it travelled: a page of the registry is compressed.
            body = answer.num_bytes_downloaded
            self._moved("down", len("HTTP/1.1 200 OK\r\n\r\n") + head + body)
        if answer.status_code != httpx.codes.OK:
            raise CallRefused(
                f"{what}: {answer.status_code} {_reason(answer)}",
                status=answer.status_code,
                retry_after_s=_retry_after_s(answer),
            )
        return answer


def _head_bytes(request: httpx.Request) -> int:
    line = len(request.method) + len(request.url.raw_path) + len("  HTTP/1.1\r\n\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in request.headers.raw)


def _decoded(answer: httpx.Response, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        raise CallRefused(
            f"{answer.request.url.path}: an answer that cannot be read: {error}",
            status=answer.status_code,
            retry_after_s=0.0,
        ) from error


def _reason(answer: httpx.Response) -> str:
    try:
        problem = msgspec.json.decode(answer.content, type=dict[str, Any])
        return f"{problem.get('type', '')} {problem.get('detail', '')}".strip()[:500]
    except msgspec.DecodeError:
        return answer.reason_phrase


def _retry_after_s(answer: httpx.Response) -> float:
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else 0.0
