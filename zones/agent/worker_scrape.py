"""Asking the zone's workers for their metrics, before their counters can be lost with them."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from httptools import HttpParserError, HttpResponseParser

from zones.agent.exposition import ExpositionRefused, read_exposition
from zones.agent.instance import Group, Instance
from zones.agent.lifecycle import State
from zones.agent.metrics import AgentMetrics

EVERY_S: Final = 5.0
"""What a worker counted in its last seconds is lost when it is killed: at most this much."""
FRESH_S: Final = 1.0
ANSWER_S: Final = 1.0
AT_ONCE: Final = 8
MAX_BYTES: Final = 512 * 1024
_REQUEST: Final = b"GET /metrics HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n"

logger = logging.getLogger(__name__)


class WorkerScrape:
    """Keeps `metrics.workers` at what the ready workers of `groups` expose."""

    def __init__(self, *, groups: Callable[[], Sequence[Group]], metrics: AgentMetrics) -> None:
        self._groups = groups
        self._metrics = metrics
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._asked_at = float("-inf")
        self._refreshing = asyncio.Lock()

    async def run(self) -> None:
        """Ask again and again; cancel to stop."""
        while True:
            await self.refresh(older_than_s=EVERY_S)
            await asyncio.sleep(EVERY_S)

    async def refresh(self, *, older_than_s: float = FRESH_S) -> None:
        """Ask every worker, unless that was done less than `older_than_s` ago."""
        async with self._refreshing:
            if time.monotonic() - self._asked_at < older_than_s:
                return
            asked = [
                self.ask(group, instance)
                for group in self._groups()
                for instance in group.instances.values()
                if instance.state in (State.READY, State.RETIRING)
            ]
            await asyncio.gather(*asked)
            self._asked_at = time.monotonic()

    async def ask(self, group: Group, instance: Instance) -> None:
        """Ask one worker; one that does not answer well keeps what it said before."""
        tenant, function = group.labels
        forced = {"function": function, "zone": self._metrics.zone}
        if group.tenant is not None:
            forced["tenant"] = tenant
        try:
            async with asyncio.timeout(ANSWER_S), self._slots:
                text = await _exposition(instance.socket)
            if text is None:
                return
            families = read_exposition(text, forced=forced)
        except (ExpositionRefused, OSError, TimeoutError, ValueError) as error:
            self._metrics.scrape_failures.labels(tenant, function).inc()
            logger.debug("no metrics of %s: %r", instance.id, error)
            return
        if not instance.ended.is_set():
            self._metrics.workers.said(group.labels, instance.id, families)


class _Answer:
    """Collects one HTTP answer as its parser reads it."""

    def __init__(self) -> None:
        self.kind = b""
        self.body = bytearray()
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self.kind = value.lower()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


async def _exposition(socket: Path) -> str | None:
    """Return the worker's text, or None when it answers with something else than metrics."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    answer = _Answer()
    parser = HttpResponseParser(answer)
    read = 0
    try:
        writer.write(_REQUEST)
        while not answer.complete and (data := await reader.read(65_536)):
            read += len(data)
            if read > MAX_BYTES:
                raise ExpositionRefused(f"more than {MAX_BYTES} bytes")
            parser.feed_data(data)
    except HttpParserError as error:
        raise ExpositionRefused(f"no HTTP answer: {error}") from error
    finally:
        writer.close()
    if not answer.complete:
        raise ExpositionRefused("the answer broke off")
    if parser.get_status_code() != 200 or not answer.kind.startswith(b"text/plain"):
        return None
    return answer.body.decode()
