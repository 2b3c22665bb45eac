"""One connection to the broker, from its opening to its end, on the worker's own event loop."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any, Final, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from functions.mqtt_intake.broker import Broker
from functions.mqtt_intake.message import Message, Reply, message_of
from functions.mqtt_intake.settings import IntakeSettings

# The library has no types for it.
_properties: Final = cast("Callable[[int], Any]", Properties)
_REFUSED: Final = 0x80
_LOOK_AFTER_S: Final = 0.5


logger = logging.getLogger(__name__)


class BrokerLost(Exception):
    """The broker is out of reach, refused the intake, or ended the connection."""


class BeginAnew(BrokerLost):
    """The intake itself ended the connection, to be sent again what it could not hold."""


class AnswerRefused(Exception):
    """The broker does not let the intake publish an answer there."""


class Connection:
    """Opened once and never again: numbers of messages hold for one connection only.

    The library's own thread is not used, so that nothing here needs a lock.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        settings: IntakeSettings,
        take: Callable[[Message], None],
    ) -> None:
        """`take` is called with each message; it must not block, and sees to `acknowledge`."""
        self._broker = broker
        self._settings = settings
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        """Ends with `BrokerLost`."""
        self._subscribed: asyncio.Future[None] = self._loop.create_future()
        self._published: dict[int, asyncio.Future[None]] = {}
        self._watch: asyncio.TimerHandle | None = None
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.username_pw_set(broker.username, broker.password)
        if broker.tls is not None:
            client.tls_set_context(broker.tls)
        client.connect_timeout = settings.connect_within_s
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        self._client = client

    async def open(self, topic: str) -> None:
        """Connect and subscribe to `topic`; messages may come before this returns.

        Raises:
            BrokerLost: no connection, or no subscription, within `connect_within_s`.
        """
        asked = _properties(PacketTypes.CONNECT)
        asked.SessionExpiryInterval = self._settings.session_s
        asked.ReceiveMaximum = self._settings.in_flight
        asked.MaximumPacketSize = self._settings.max_message_bytes
        try:
            async with asyncio.timeout(self._settings.connect_within_s):
                await asyncio.to_thread(
                    self._client.connect,
                    self._broker.host,
                    self._broker.port,
                    keepalive=self._settings.keep_alive_s,
                    clean_start=False,
                    properties=asked,
                )
                self._follow()
                await self._unless_lost(self._ready)
                options = SubscribeOptions(
                    qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND
                )
                self._client.subscribe(topic, options=options)
                await self._unless_lost(self._subscribed)
        except TimeoutError as error:
            raise BrokerLost(f"{self._broker.address} did not answer in time") from error
        except (OSError, ValueError) as error:
            raise BrokerLost(f"{self._broker.address}: {error}") from error

    async def answer(self, topic: str, reply: Reply, *, correlation: bytes | None) -> None:
        """Publish a reply; when this returns, the broker has it.

        Raises:
            AnswerRefused: the broker does not take it.
            BrokerLost: the connection ended first.
        """
        said = _properties(PacketTypes.PUBLISH)
        said.ContentType = reply.content_type
        said.PayloadFormatIndicator = 1
        said.MessageExpiryInterval = self._settings.answer_keeps_s
        said.UserProperty = [("status", str(reply.status))]
        if correlation is not None:
            said.CorrelationData = correlation
        if self.lost.done():
            self.lost.result()
        sent = self._client.publish(topic, reply.body, qos=1, properties=said)
        taken = self._published[sent.mid] = self._loop.create_future()
        try:
            await self._unless_lost(taken)
        finally:
            self._published.pop(sent.mid, None)

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that it may forget a message of this connection."""
        if not self.lost.done():
            self._client.ack(message.number, message.qos)

    def begin_anew(self, why: str) -> None:
        """Give the connection up: what is not acknowledged comes again over the next one."""
        self._end(why, kind=BeginAnew)

    async def close(self) -> None:
        """End the connection; the session stays with the broker."""
        if self._client.is_connected():
            self._client.disconnect()
            # The packet leaves at once, or the broker finds the connection closed.
            self._client.loop_write()
        self._end("the intake ends")
        sock = self._client.socket()
        if sock is not None:
            self._leave(sock)
            with contextlib.suppress(OSError):
                sock.close()

    async def _unless_lost(self, awaited: asyncio.Future[None]) -> None:
        await asyncio.wait({awaited, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        if not awaited.done():
            self.lost.result()
        awaited.result()

    def _follow(self) -> None:
        # Only from here on: until now the library worked in another thread.
        client, sock = self._client, self._client.socket()
        if sock is None:
            raise BrokerLost(f"{self._broker.address} closed the connection")
        client.on_socket_close = lambda _client, _data, closing: self._leave(closing)
        client.on_socket_register_write = lambda _client, _data, one: self._loop.add_writer(
            one.fileno(), client.loop_write
        )
        client.on_socket_unregister_write = self._written
        self._loop.add_reader(sock.fileno(), self._read)
        if client.want_write():
            self._loop.add_writer(sock.fileno(), client.loop_write)
        self._look()

    def _written(self, _client: Any, _data: Any, sock: Any) -> None:
        self._loop.remove_writer(sock.fileno())

    def _read(self) -> None:
        try:
            self._client.loop_read()
            sock = self._client.socket()
            # TLS may have decrypted more than one packet, of which the descriptor tells nothing.
            while sock is not None and getattr(sock, "pending", int)() > 0:
                self._client.loop_read()
                sock = self._client.socket()
        except Exception as error:
            # The edge of this callback: packets that cannot be read would be read for ever.
            logger.exception("the broker's packets cannot be read")
            self._end(f"its packets cannot be read: {error!r}")

    def _look(self) -> None:
        self._client.loop_misc()
        if self._client.socket() is None:
            self._end("the connection ended")
        if not self.lost.done():
            self._watch = self._loop.call_later(_LOOK_AFTER_S, self._look)

    def _leave(self, sock: socket.socket | Any) -> None:
        number = sock.fileno()
        if number >= 0:
            self._loop.remove_reader(number)
            self._loop.remove_writer(number)

    def _end(self, why: str, *, kind: type[BrokerLost] | None = None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if not self.lost.done():
            self.lost.set_exception((kind or BrokerLost)(f"{self._broker.address}: {why}"))
            # Nobody need be waiting for it.
            self.lost.exception()

    def _on_connect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _said: Any
    ) -> None:
        if reason.is_failure:
            self._end(f"it refuses the intake: {reason}")
        elif not self._ready.done():
            self._ready.set_result(None)

    def _on_disconnect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, _said: Any
    ) -> None:
        self._end(f"the connection ended: {reason}")

    def _on_subscribe(
        self, _client: Any, _data: Any, _number: int, reasons: list[ReasonCode], _said: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._end(f"it refuses the subscription: {reasons[0]}")
        elif not self._subscribed.done():
            self._subscribed.set_result(None)

    def _on_publish(
        self, _client: Any, _data: Any, number: int, reason: ReasonCode, _said: Any
    ) -> None:
        taken = self._published.get(number)
        if taken is None or taken.done():
            return
        if reason.value >= _REFUSED:
            taken.set_exception(AnswerRefused(f"the broker refuses an answer: {reason}"))
        else:
            taken.set_result(None)

    def _on_message(self, _client: Any, _data: Any, received: mqtt.MQTTMessage) -> None:
        self._take(message_of(received))
