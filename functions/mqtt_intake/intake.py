"""The intake: follows the broker for as long as the worker lives, and answers each message."""

import asyncio
import logging
import random
import time
from collections import deque
from dataclasses import dataclass
from typing import Final

from functions.mqtt_intake.broker import Broker
from functions.mqtt_intake.connection import AnswerRefused, BeginAnew, BrokerLost, Connection
from functions.mqtt_intake.handing_over import HandingOver
from functions.mqtt_intake.message import Message
from functions.mqtt_intake.metrics import IntakeMetrics
from functions.mqtt_intake.settings import IntakeSettings
from functions.mqtt_intake.topics import Misdirected, check_answer_topic, readings_topic

_STEADY_S: Final = 30.0
"""A connection that held this long begins the waits anew."""

_HELD: Final = 16
"""Times the agreed number of messages that are held where a broker sends more."""

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Held:
    """A message that the broker keeps until it is acknowledged."""

    message: Message
    done: bool = False


class Intake:
    """Takes the messages of one tenant's topic, one connection after another."""

    def __init__(
        self,
        broker: Broker,
        *,
        tenant: str,
        zone: str,
        handing_over: HandingOver,
        settings: IntakeSettings,
        metrics: IntakeMetrics,
    ) -> None:
        self.broker = broker
        self._tenant = tenant
        self._client_id = f"gridfaas-{zone}-{tenant}"
        self._handing_over = handing_over
        self._settings = settings
        self._metrics = metrics
        self.topic = readings_topic(settings.topic_prefix, tenant)
        self.connected = False
        self.last_error: str | None = None

    async def run(self) -> None:
        """Connect, serve, and connect again, until cancelled."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self._serve()
            except* BeginAnew:
                failures = -1
            except* BrokerLost as lost:
                text = str(lost.exceptions[0])
                if text != self.last_error:
                    logger.warning("no readings by MQTT for %s: %s", self._tenant, text)
                self.last_error = text
            failures = 1 if time.monotonic() - began > _STEADY_S else failures + 1
            if not failures:
                continue
            longest_s = min(
                self._settings.longest_retry_s,
                self._settings.first_retry_s * 2.0 ** min(failures - 1, 20),
            )
            await asyncio.sleep(longest_s * (0.5 + 0.5 * random.random()))

    async def _serve(self) -> None:
        """Serve one connection until it is lost: BrokerLost, in a group."""
        async with asyncio.TaskGroup() as group:
            serving = _Serving(
                group,
                tenant=self._tenant,
                handing_over=self._handing_over,
                settings=self._settings,
                metrics=self._metrics,
            )
            connection = serving.connection = Connection(
                self.broker,
                client_id=self._client_id,
                settings=self._settings,
                take=serving.take,
            )
            try:
                await connection.open(self.topic)
                self._metrics.connections.inc()
                self._show(connected=True)
                if self.last_error is not None:
                    logger.info("readings come by MQTT for %s again", self._tenant)
                self.last_error = None
                await asyncio.shield(connection.lost)
            finally:
                self._show(connected=False)
                self._metrics.in_flight.set(0)
                await connection.close()

    def _show(self, *, connected: bool) -> None:
        self.connected = connected
        self._metrics.connected.set(connected)


class _Serving:
    """The messages of one connection: answered side by side, those of one meter in their order."""

    connection: Connection

    def __init__(
        self,
        group: asyncio.TaskGroup,
        *,
        tenant: str,
        handing_over: HandingOver,
        settings: IntakeSettings,
        metrics: IntakeMetrics,
    ) -> None:
        self._group = group
        self._tenant = tenant
        self._handing_over = handing_over
        self._settings = settings
        self._metrics = metrics
        self._held: deque[_Held] = deque()
        self._open = 0
        self._bytes = 0
        self._full = False
        self._places = asyncio.Semaphore(settings.in_flight)
        self._last: dict[str | None, asyncio.Task[None]] = {}

    def take(self, message: Message) -> None:
        """Begin with a message as it comes."""
        self._metrics.bytes.inc(len(message.body))
        if not message.qos and self._open >= self._settings.in_flight:
            # The broker holds back what it must keep; what it need not keep has no such bound.
            self._metrics.ended("dropped")
            return
        # Mosquitto 2.0.11 resumes a session with all that it has queued, whatever was agreed. What
        # cannot be held is let pass, and asked for again once those before it are acknowledged.
        self._full = self._full or (
            self._open >= _HELD * self._settings.in_flight
            or self._bytes > self._settings.in_flight * self._settings.max_message_bytes
        )
        if self._full:
            self._metrics.postponed.inc()
            return
        self._open += 1
        self._bytes += len(message.body)
        self._metrics.in_flight.set(self._open)
        held = _Held(message)
        if message.qos:
            self._held.append(held)
        # Meters are told apart by where they want their answers.
        sender = message.response_topic
        task = self._group.create_task(self._work(held, after=self._last.get(sender)))
        self._last[sender] = task
        task.add_done_callback(lambda ended: self._forget(sender, ended))

    def _forget(self, sender: str | None, ended: asyncio.Task[None]) -> None:
        if self._last.get(sender) is ended:
            del self._last[sender]

    async def _work(self, held: _Held, *, after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait({after})
        began = time.monotonic()
        try:
            async with self._places:
                await self._answer(held.message)
        except BrokerLost:
            # The broker has it still, and sends it again over the next connection.
            return
        except Exception:
            # The edge of this task: unacknowledged, it would block those behind it for ever.
            logger.exception("a message of %s failed", self._tenant)
            self._metrics.ended("failed")
        self._metrics.took.observe(time.monotonic() - began)
        self._open -= 1
        self._bytes -= len(held.message.body)
        self._metrics.in_flight.set(self._open)
        held.done = True
        # In the order of their coming, as MQTT 5 (4.6) asks for.
        while self._held and self._held[0].done:
            self.connection.acknowledge(self._held.popleft().message)
        if self._full and not self._open:
            self.connection.begin_anew("more came than can be held")

    async def _answer(self, message: Message) -> None:
        topic = message.response_topic
        if topic is not None:
            try:
                check_answer_topic(topic, prefix=self._settings.topic_prefix, tenant=self._tenant)
            except Misdirected:
                self._metrics.ended("misdirected")
                return
        reply = await self._handing_over.post(message, retried=self._metrics.retries.inc)
        if topic is None:
            self._metrics.unanswered.inc()
        else:
            try:
                await self.connection.answer(topic, reply, correlation=message.correlation)
                self._metrics.answers.inc()
            except AnswerRefused as error:
                logger.warning("a message of %s stays without answer: %s", self._tenant, error)
                self._metrics.unanswered.inc()
        taken, refused = reply.status < 300, reply.status < 500
        self._metrics.ended("taken" if taken else "refused" if refused else "failed")
