"""From the wish for a worker to a ready one, or to the reason why not."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

from zones.agent.function_logs import FunctionLogs
from zones.agent.instance import Group, Instance
from zones.agent.lifecycle import State
from zones.agent.walls import WallNotBuilt
from zones.agent.worker_config import OrderDesk, SocketPathTooLong, UnknownTenant
from zones.providers.port import Launch, LaunchRefused, Provider

READY_DEADLINE_S = 10.0


class StartFailed(Exception):
    """No ready worker; `retry_after_s` says when another call may have better luck."""

    def __init__(self, reason: str, *, retry_after_s: int = 1) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Starter:
    """Writes the order, hands it to the provider and waits for the worker."""

    def __init__(self, *, provider: Provider, desk: OrderDesk, logs: FunctionLogs) -> None:
        """`logs` take what tenants' own code writes; the platform's goes to the agent's stderr."""
        self._provider = provider
        self._desk = desk
        self._logs = logs

    def check(self, tenant: str | None) -> None:
        """Raise UnknownTenant unless workers of this tenant may run here."""
        self._desk.tenant(tenant)

    async def start(self, group: Group, *, register: Callable[[Group, Instance], None]) -> Instance:
        """Start one worker of `group`; `register` is called before the provider's first event.

        Raises:
            StartFailed: no login to the store, no provider, an end before it was ready, or not
                ready within the deadline (it is then killed).
        """
        resolved = group.resolved
        try:
            order = await self._desk.write(tenant=group.tenant, function=resolved)
        except (UnknownTenant, WallNotBuilt, SocketPathTooLong) as error:
            raise StartFailed(str(error)) from error
        instance = Instance(
            id=order.id,
            resolved=resolved,
            socket=order.socket,
            uid=order.uid,
            started_at=datetime.now(UTC),
            ordered_at=time.monotonic(),
        )
        try:
            with self._log(group, order.id) as log_fd:
                await self._provider.start(
                    Launch(
                        instance=order.id,
                        config=order.config,
                        log_fd=log_fd,
                        # The platform's services need what only processes are given.
                        provider="process" if resolved.folder is None else resolved.spec.provider,
                    ),
                    ordered=lambda: register(group, instance),
                )
        except LaunchRefused as error:
            raise StartFailed(str(error)) from error
        try:
            async with asyncio.timeout(READY_DEADLINE_S):
                await instance.settled.wait()
        except TimeoutError as error:
            self._provider.stop(instance.id, at_once=True)
            raise StartFailed(f"not ready within {READY_DEADLINE_S:.0f} s") from error
        if instance.state is not State.READY:
            raise StartFailed(f"it ended before it was ready: {instance.end_reason}")
        return instance

    def _log(self, group: Group, instance: str) -> AbstractContextManager[int | None]:
        if group.resolved.folder is None or group.tenant is None:
            return nullcontext()
        return self._logs.pipe(tenant=group.tenant, function=group.function.name, instance=instance)
