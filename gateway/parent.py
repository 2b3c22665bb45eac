"""Calls to the parent zone's gateway, on behalf of this zone and of those below it."""

import httpx
import msgspec

from gateway.refusal import Refusal
from storage.platform.ledger.batch import MEDIA_TYPE

TIMEOUT_S = 10.0


class ParentUnavailable(Refusal):
    """The parent zone did not take it; whoever sent it keeps it and tries again."""


class Taken(msgspec.Struct, frozen=True):
    """How far headquarters has taken a segment of the ledger."""

    next: int


class ParentClient:
    """The parent's control plane; every call within `TIMEOUT_S`."""

    def __init__(self, *, parent_url: str, credential: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=parent_url,
            headers={"authorization": f"Bearer {credential}"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )

    async def pass_ledger(self, *, zone: str, segment: str, offset: int, body: bytes) -> int:
        """Hand a batch on as it came; return the offset that headquarters wants next.

        Raises:
            ParentUnavailable: no answer, or another one than that.
        """
        try:
            answer = await self._http.post(
                "/v1/platform/ledger",
                params={"zone": zone, "segment": segment, "offset": offset},
                content=body,
                headers={"content-type": MEDIA_TYPE},
            )
        except httpx.HTTPError as error:
            raise ParentUnavailable(
                f"the parent zone does not answer: {type(error).__name__}", retry_after_s=1
            ) from error
        if answer.status_code != 200:
            raise ParentUnavailable(
                f"the parent zone answers {answer.status_code}", retry_after_s=1
            )
        try:
            return msgspec.json.decode(answer.content, type=Taken).next
        except msgspec.DecodeError as error:
            raise ParentUnavailable(f"the parent's answer is unreadable: {error}") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()
