"""Asking the parent zone for the time, through its gateway and with the zone's credential."""

import asyncio
import logging
import random
from typing import Final

import httpx
import msgspec

from functions.clock_sync.exchange import ImpossibleExchange, sample_of
from functions.clock_sync.kept_time import KeptTime
from functions.clock_sync.metrics import ClockMetrics
from functions.clock_sync.schema import ExchangeAnswer, ExchangeBody
from functions.clock_sync.settings import ClockSettings
from functions.clock_sync.zone_clock import FollowingClock

EXCHANGE: Final = "/v1/clock_sync/exchange"
SPREAD: Final = 0.1


class ParentSilent(ConnectionError):
    """The parent zone does not answer."""


class ParentRefuses(Exception):
    """It answered something else than the time."""


class ParentAstray(Exception):
    """It says that it does not know the time itself."""


_OUTCOMES: Final[dict[type[Exception], str]] = {
    ParentSilent: "unreachable",
    ParentRefuses: "refused",
    ParentAstray: "unsynchronised",
    ImpossibleExchange: "impossible",
}

logger = logging.getLogger(__name__)


class ParentPoll:
    """Keeps `clock` at the parent's time; `last_error` is why the last question failed."""

    def __init__(
        self,
        *,
        parent: httpx.AsyncClient,
        clock: FollowingClock,
        kept: KeptTime,
        settings: ClockSettings,
        metrics: ClockMetrics,
    ) -> None:
        self._parent = parent
        self._clock = clock
        self._kept = kept
        self._settings = settings
        self._metrics = metrics
        self.last_error: str | None = None

    async def run(self) -> None:
        """Ask until cancelled: often at first, then at the pace of the settings."""
        taken = 0
        while True:
            if await self._asked():
                taken += 1
                await self._kept.keep(self._clock)
            settings = self._settings
            pause_s = settings.first_poll_s if taken < settings.first_polls else settings.poll_s
            # Spread, so that the children of a zone that came back do not ask in step.
            await asyncio.sleep(pause_s * (1 + SPREAD * (random.random() - 0.5)))

    async def _asked(self) -> bool:
        try:
            await self.ask()
        except tuple(_OUTCOMES) as error:
            self._failed(_OUTCOMES[type(error)], str(error))
        except Exception as error:
            # The edge of this task: the next question is a new one.
            logger.exception("asking the parent for the time failed")
            self._failed("refused", repr(error))
        else:
            self._metrics.polled("taken")
            if self.last_error is not None:
                logger.info("the parent tells the time again")
            self.last_error = None
            return True
        return False

    async def ask(self) -> None:
        """Make one exchange and take what it says.

        Raises:
            ParentSilent, ParentRefuses, ParentAstray, ImpossibleExchange: nothing was learned.
        """
        t1 = self._clock.steady_us()
        try:
            answer = await self._parent.post(
                EXCHANGE,
                content=msgspec.json.encode(ExchangeBody(t1_us=t1)),
                headers={"Content-Type": "application/json"},
                timeout=self._settings.answer_within_s,
            )
        except httpx.HTTPError as error:
            raise ParentSilent(f"{type(error).__name__}: {error}") from error
        t4 = self._clock.steady_us()
        told = _told(answer)
        if told.t1_us != t1:
            raise ParentRefuses("the answer is to another question")
        if not told.synchronised:
            raise ParentAstray(f"{told.zone} does not know the time itself")
        sample = sample_of(
            t1=t1,
            t2=told.t2_us,
            t3=told.t3_us,
            t4=t4,
            tolerance_ppm=self._settings.tolerance_ppm,
            root_delay_us=told.root_delay_us,
            root_dispersion_us=float(told.root_dispersion_us),
        )
        self._clock.take(sample, reference=told.zone, stratum=told.stratum)

    def _failed(self, outcome: str, error: str) -> None:
        self._metrics.polled(outcome)
        if self.last_error != error:
            logger.warning("the time of the parent is not known: %s", error)
        self.last_error = error


def _told(answer: httpx.Response) -> ExchangeAnswer:
    if answer.status_code != httpx.codes.OK:
        raise ParentRefuses(f"{EXCHANGE}: {answer.status_code} {answer.text[:200]}")
    try:
        return msgspec.json.decode(answer.content, type=ExchangeAnswer)
    except msgspec.DecodeError as error:
        raise ParentRefuses(f"an answer that cannot be read: {error}") from error
