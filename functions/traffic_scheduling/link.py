"""The link to the parent zone, and the way to the own gateway: HTTP calls with deadlines."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
import msgspec

from storage.model.meter import RegistryPosition

UPLINK: Final = "/v1/mdms/uplink"
DOWNLINK: Final = "/v1/mdms/downlink"
MEDIA_TYPE: Final = "application/x-gridfaas-uplink"
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


class _Acknowledged(msgspec.Struct):
    acknowledged: int


class _Version(msgspec.Struct):
    version: int
    incarnation: int = 0

    @property
    def position(self) -> RegistryPosition:
        return RegistryPosition(self.incarnation, self.version)


class _Taken(_Version, kw_only=True):
    complete: bool


class LinkTenant(msgspec.Struct, frozen=True):
    """A tenant whose data passes; `link_only` when it is served here and below no longer."""

    slug: str
    link_only: bool = False


class _Tenants(msgspec.Struct):
    tenants: list[LinkTenant]


@dataclass(frozen=True, slots=True)
class RegistryStep:
    """How far this zone has a tenant's registry, and whether that is all that the parent has."""

    position: RegistryPosition
    complete: bool


class Link:
    """Calls with the zone's credential; `parent` and `own` are clients with base URLs."""

    def __init__(
        self, *, parent: httpx.AsyncClient, own: httpx.AsyncClient, answer_within_s: float
    ) -> None:
        self._parent = parent
        self._own = own
        self._timeout = httpx.Timeout(answer_within_s, connect=CONNECT_S)

    async def post_entries(self, tenant: str, body: bytes) -> int:
        """Post a zstd body of entries; return how many of them the parent holds durably.

        Raises:
            LinkDown: the parent cannot be reached.
            CallRefused: it did not take them; sending them again later is harmless.
        """
        answer = await self._call(
            self._parent,
            "POST",
            UPLINK,
            tenant=tenant,
            content=body,
            headers={"Content-Type": MEDIA_TYPE, "Content-Encoding": "zstd"},
        )
        return _decoded(answer, _Acknowledged).acknowledged

    async def tenants(self) -> list[LinkTenant]:
        """The zone's tenants, from its own gateway.

        Raises:
            LinkDown: the gateway cannot be reached.
            CallRefused: it did not answer 200.
        """
        answer = await self._call(self._own, "GET", "/v1/platform/tenants")
        return _decoded(answer, _Tenants).tenants

    async def registry_position(self, tenant: str) -> RegistryPosition:
        """How far this zone holds a tenant's registry; errors as `tenants`."""
        answer = await self._call(self._own, "GET", f"{DOWNLINK}/version", tenant=tenant)
        return _decoded(answer, _Version).position

    async def registry_changes(
        self, tenant: str, *, held: RegistryPosition, limit: int
    ) -> bytes | None:
        """The parent's page of what is newer than `held`, None when it has nothing.

        Raises:
            LinkDown, CallRefused: as `post_entries`.
        """
        answer = await self._call(
            self._parent,
            "GET",
            DOWNLINK,
            tenant=tenant,
            params={"after": held.version, "incarnation": held.incarnation, "limit": limit},
        )
        return answer.content if _decoded(answer, _Version).position > held else None

    async def apply_changes(self, tenant: str, page: bytes) -> RegistryStep:
        """Hand a page of the parent's to the own zone, unchanged; errors as `tenants`."""
        answer = await self._call(
            self._own,
            "POST",
            DOWNLINK,
            tenant=tenant,
            content=page,
            headers={"Content-Type": "application/json"},
        )
        taken = _decoded(answer, _Taken)
        return RegistryStep(taken.position, taken.complete)

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
        try:
            answer = await client.request(
                method,
                path,
                headers={**envelope, **(headers or {})},
                timeout=self._timeout,
                **request,
            )
        except _NO_ANSWER as error:
            # Connected, so the link is up: what hangs may hang for this tenant alone.
            raise CallRefused(
                f"{method} {path}: no answer in time ({type(error).__name__})",
                status=None,
                retry_after_s=0.0,
            ) from error
        except httpx.HTTPError as error:
            raise LinkDown(f"{method} {path}: {type(error).__name__}: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise CallRefused(
                f"{method} {path}: {answer.status_code} {_reason(answer)}",
                status=answer.status_code,
                retry_after_s=_retry_after_s(answer),
            )
        return answer


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
