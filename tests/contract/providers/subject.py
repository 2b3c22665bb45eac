"""A provider under test, and what it has reported."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest

from zones.providers.port import BecameReady, Ended, Event, Launch, Launched, LoadSeen, Provider

DEADLINE_S = 40.0
# What a gateway says of a call.
CALL = {
    "x-gridfaas-tenant": "tenant",
    "x-gridfaas-role": "consumer",
    "x-gridfaas-subject": "key",
    "x-gridfaas-scopes": "",
    "x-request-id": "request",
    "x-call-id": "call",
}

Some = TypeVar("Some", Launched, BecameReady, LoadSeen, Ended)


@dataclass(slots=True, kw_only=True)
class Subject:
    """An open provider; `folder` is a zone's, `functions` holds those of the suite."""

    kind: str
    provider: Provider
    folder: Path
    functions: Path
    base_uid: int | None
    events: list[Event] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def deliver(self, event: Event) -> None:
        """Take note of an event, as an agent does."""
        self.events.append(event)
        self.changed.set()

    def socket(self, instance: str) -> Path:
        """Where the worker is called."""
        return self.folder / "w" / instance

    def config(self, instance: str, *, tenant: int = 1, **change: Any) -> bytes:
        """Return a WorkerConfig as an agent writes it."""
        uid = None if self.base_uid is None else self.base_uid + tenant
        return json.dumps(
            {
                "function": "suite",
                "tenant": f"tenant-{tenant}",
                "tenant_number": tenant,
                "zone": "zone-3a",
                "tier": 3,
                "socket": str(self.socket(instance)),
                "gateway_url": "http://127.0.0.1:9",
                "folder": str(self.functions / "good"),
                "version": 1,
                "memory_mb": 128,
                "pids": 16,
                "disk_mb": 8,
                "timeout_s": 30,
                "uid": uid,
                "gid": uid,
            }
            | change
        ).encode()

    async def start(self, instance: str, **change: Any) -> None:
        """Launch a worker; it need not become ready."""
        config = self.config(instance, **change)
        await self.provider.start(Launch(instance=instance, config=config), ordered=lambda: None)

    async def ready(self, instance: str, **change: Any) -> int:
        """Launch a worker and wait until it serves; return its pid as the host counts."""
        await self.start(instance, **change)
        await self.until(lambda: self.of(instance, BecameReady) or self.of(instance, Ended))
        assert self.of(instance, Ended) == [], self.of(instance, Ended)
        await self.until(lambda: self.of(instance, Launched))
        (launched,) = self.of(instance, Launched)
        return launched.pid

    def of(self, instance: str, kind: type[Some]) -> list[Some]:
        """Return the events of that kind which an instance had."""
        return [one for one in self.events if isinstance(one, kind) and one.instance == instance]

    async def ended(self, instance: str) -> Ended:
        """Wait for an instance's end; it must be the only one."""
        await self.until(lambda: self.of(instance, Ended))
        (ended,) = self.of(instance, Ended)
        return ended

    async def until(self, condition: Callable[[], Any]) -> None:
        """Wait until the events so far fulfil a condition."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def call(self, instance: str, path: str, *, timeout_s: float = 20) -> httpx.Response:
        """Call a worker as the gateway does."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket(instance)))
        async with httpx.AsyncClient(transport=transport, timeout=timeout_s) as client:
            return await client.get(f"http://worker/{path}", headers=CALL)

    async def calls(self, instance: str) -> int:
        """Wait until a completed call was reported, and return how many there were."""
        await self.until(lambda: any(one.calls for one in self.of(instance, LoadSeen)))
        return max(one.calls for one in self.of(instance, LoadSeen))


@contextlib.asynccontextmanager
async def opened(subject: Subject) -> AsyncIterator[Subject]:
    """Open the provider for the length of a block; it is up when the block begins."""
    # As an agent has it.
    mask = os.umask(0o077)
    try:
        await subject.provider.open(subject.deliver)
        await eventually(lambda: subject.provider.up, "the provider is up")
        yield subject
    finally:
        await subject.provider.close()
        os.umask(mask)


async def gone(pid: int) -> None:
    """Wait until no process of that number lives."""
    await eventually(lambda: not _lives(pid), f"process {pid} has ended")


async def eventually(condition: Callable[[], Any], what: str) -> None:
    """Ask until the answer is yes, or fail after the deadline."""
    for _ in range(int(DEADLINE_S / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"{what}: not within {DEADLINE_S} s")


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
