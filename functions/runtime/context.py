"""What a function has beside its event: who it works for, its stores, and the zone around it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions.runtime.call_log import CallLog
from functions.runtime.cold import Cold
from functions.runtime.hot import Hot
from functions.runtime.zone_calls import (
    Answer,
    Calls,
    ZoneUnreachable,
    function_path,
    topic_path,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One call's surroundings.

    `now` is the aware UTC instant at which the call began. `hot` is None in zones without a hot
    store (tier 1), `cold` in zones without the record (tiers 2 and 3); both hold this tenant's
    data alone. `config` are the texts of function.yaml, `secrets` those that the tenant gave the
    function by name. `role` is the caller's (`async`, `topic` or `schedule` where the zone calls
    for the tenant), `subject` the id of its key.
    """

    tenant: str
    zone: str
    tier: int
    function: str
    version: int
    call_id: str
    role: str
    subject: str
    scopes: frozenset[str]
    now: datetime
    config: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    log: CallLog
    hot: Hot | None
    cold: Cold | None
    ends_at_s: float = field(repr=False)
    """Where `time.monotonic` will be when the call's time is over."""
    _calls: Calls | None = field(repr=False)

    @property
    def remaining_s(self) -> float:
        """Seconds until the call's deadline, at least 0; past it the handler is cancelled."""
        return max(0.0, self.ends_at_s - time.monotonic())

    async def invoke(
        self,
        name: str,
        body: Any = None,
        *,
        path: str = "/",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Call another function of the tenant in this zone, or one of the platform's services.

        Bytes and text go as they are, None as an empty body, anything else as JSON. Waits at most
        `timeout_s`, and never longer than this call has left.

        Raises:
            CallFailed: it answered with a status of 400 or above.
            ZoneUnreachable: no answer in time.
        """
        return await self._send(
            function_path(name, path), body, method=method, headers=headers, timeout_s=timeout_s
        )

    async def publish(
        self, topic: str, payload: Any, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Publish a message to a topic of the tenant; it is durable when this returns.

        Raises:
            CallFailed: it was refused.
            ZoneUnreachable: no answer in time; whether it was kept is unknown.
        """
        return await self._send(
            topic_path(topic), payload, method="POST", headers=headers, timeout_s=None
        )

    async def _send(
        self,
        path: str,
        body: Any,
        *,
        method: str,
        headers: Mapping[str, str] | None,
        timeout_s: float | None,
    ) -> Answer:
        if self._calls is None:
            raise ZoneUnreachable("this function runs without a zone around it")
        left_s = self.remaining_s
        return await self._calls.send(
            path,
            body=body,
            method=method,
            headers=headers or {},
            timeout_s=left_s if timeout_s is None else min(timeout_s, left_s),
        )
