"""What the calls of one worker share: connections to its stores and to its zone's gateway."""

import time
from datetime import UTC, datetime

from functions.runtime.call_log import CallLog
from functions.runtime.cold import Cold, open_cold
from functions.runtime.config import WorkerConfig
from functions.runtime.context import Context
from functions.runtime.hot import Hot, open_hot
from functions.runtime.request import Caller
from functions.runtime.zone_calls import Calls, ZoneCalls


class Resources:
    """Opened with the worker's lifespan, closed at its end; may be opened again after that."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        self._log = CallLog()
        self._hot: Hot | None = None
        self._cold: Cold | None = None
        self._calls: Calls | None = None

    async def open(self) -> None:
        """Prepare the connections; each opens on its first use."""
        config = self._config
        if config.redis_url is not None:
            self._hot = open_hot(config.redis_url, tenant=config.tenant, zone=config.zone)
        if config.database_url is not None:
            self._cold = await open_cold(config.database_url)
        if config.service_key is not None:
            self._calls = ZoneCalls(gateway_url=config.gateway_url, key=config.service_key)

    async def close(self) -> None:
        """Close them all."""
        for opened in (self._hot, self._cold, self._calls):
            if opened is not None:
                await opened.close()
        self._hot = self._cold = self._calls = None

    def timeout_s(self, caller: Caller) -> float:
        """Seconds that a call may take: what is left of its deadline, the function's at most."""
        limit_s = float(self._config.timeout_s)
        return limit_s if caller.deadline_ms is None else min(limit_s, caller.deadline_ms / 1000)

    def context(self, caller: Caller) -> Context:
        """Return the surroundings of one call that begins now."""
        config = self._config
        return Context(
            tenant=config.tenant,
            zone=config.zone,
            tier=config.tier,
            function=config.function,
            version=config.version,
            call_id=caller.call_id,
            role=caller.role,
            subject=caller.subject,
            scopes=caller.scopes,
            now=datetime.now(UTC),
            config=config.config,
            secrets=config.secrets,
            log=self._log,
            hot=self._hot,
            cold=self._cold,
            ends_at_s=time.monotonic() + self.timeout_s(caller),
            _calls=self._calls,
        )
