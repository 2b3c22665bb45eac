"""Telling the caller by the URL that it left: signed, tried again, and recorded with the call."""

import logging
import random
import time
from typing import Final

import httpx

from functions.messaging.callback_target import (
    CallbackRefused,
    NameUnknown,
    check_url,
    resolve,
)
from functions.messaging.metrics import MessagingMetrics
from functions.messaging.retry_rule import backoff_s
from functions.messaging.settings import MessagingSettings
from functions.messaging.signature import HEADER, sign
from functions.messaging.signing_keys import KeyMissing, SigningKeys
from storage.hot.queues.calls import CallQueue
from storage.hot.queues.record import CallRecord

_PASSED_ON: Final = ("content-type", "content-encoding", "content-language")

logger = logging.getLogger(__name__)


class NotTold(Exception):
    """The receiver did not take it; `status` if it answered."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class Telling:
    """Sends callbacks with a client that follows no redirect and knows no proxy."""

    def __init__(
        self,
        *,
        client: httpx.AsyncClient,
        queue: CallQueue,
        keys: SigningKeys,
        settings: MessagingSettings,
        metrics: MessagingMetrics,
    ) -> None:
        self._client = client
        self._queue = queue
        self._keys = keys
        self._settings = settings
        self._metrics = metrics

    async def tell(self, tenant: str, record: CallRecord) -> None:
        """Try once, and record what became of it.

        Raises:
            StoreUnavailable, StoreFull: it is not recorded; telling twice is harmless.
        """
        assert record.callback is not None
        state, delay_s, status, error = "delivered", 0.0, None, ""
        try:
            status = await self._send(tenant, record, record.callback.url)
        except CallbackRefused as refusal:
            state, error = "failed", str(refusal)
        except (NotTold, NameUnknown, KeyMissing) as failure:
            status, error = getattr(failure, "status", None), str(failure)
            tried = record.callback.attempts + 1
            state = "failed" if tried >= self._settings.callback_tries else "pending"
            delay_s = backoff_s(
                failures=tried,
                first_s=self._settings.callback_first_s,
                longest_s=self._settings.callback_longest_s,
                spread=random.random(),
            )
        self._metrics.told(tenant, state)
        if state == "failed":
            logger.info("the callback of call %s of %s failed: %s", record.id, tenant, error)
        await self._queue.told(
            tenant, record.id, state=state, delay_s=delay_s, status=status, error=error
        )

    async def _send(self, tenant: str, record: CallRecord, url: str) -> int:
        """Send and return the receiver's status, of 2xx."""
        key = await self._keys.of(tenant)
        private = self._settings.private_callbacks
        target = await resolve(check_url(url, private=private), private=private)
        body = b"" if record.result is None else record.result.body
        status = 0 if record.result is None else record.result.status
        headers = {
            "host": target.host_header,
            "user-agent": "GridFaaS",
            "x-call-id": record.id,
            "x-function-name": record.request.function,
            "x-function-status": str(status),
            "x-call-state": record.state.value,
            HEADER: sign(
                key=key, at_s=int(time.time()), call_id=record.id, status=status, body=body
            ),
        }
        if record.result is not None:
            said = record.result.headers
            headers |= {name: said[name] for name in _PASSED_ON if name in said}
            if record.result.truncated:
                headers["x-result-truncated"] = "true"
        try:
            async with self._client.stream(
                "POST",
                target.pinned_url,
                content=body,
                headers=headers,
                timeout=self._settings.callback_answer_s,
                extensions={"sni_hostname": target.url.hostname},
            ) as answer:
                told = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotTold(f"{type(error).__name__}: {error}") from error
        if not httpx.codes.is_success(told):
            raise NotTold(f"the receiver answered {told}", status=told)
        return told
