"""One connection to an MQTT 5 broker of the sender, a message at a time, answered on its own topic.

A PUBACK is the broker's: a body counts as answered once its answer came on the response topic.
"""

import asyncio
import contextlib
import logging
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from meter_emulator.wire import Line, OnAnswer, OnLost

KEEP_ALIVE_S: Final = 30
CONNECT_S: Final = 5.0
NOT_ALLOWED: Final = 403
_LOOK_S: Final = 0.5
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
# The library has no types for it.
_properties: Final = cast("Callable[[int], Any]", Properties)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """A broker as the command line names it; `user` is named after the tenant it sends for."""

    url: str
    user: str
    prefix: str = "gridfaas"
    ca: str | None = None

    def address(self, password: str) -> "BrokerAddress":
        """Where it is, to sign in with `password`; raises as `BrokerAddress.of`."""
        return BrokerAddress.of(
            self.url, user=self.user, password=password, prefix=self.prefix, ca=self.ca
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is, who signs in there, and below what its topics are."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    prefix: str = "gridfaas"
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(
        cls, url: str, *, user: str, password: str, prefix: str = "gridfaas", ca: str | None = None
    ) -> "BrokerAddress":
        """Read mqtt://host[:port] or mqtts://host[:port]; `ca` is a file of the one to trust.

        Raises:
            ValueError: anything else, or a file that is no certificate.
            OSError: the file cannot be read.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path or parts.username:
            raise ValueError(f"{url}: an address such as mqtt://127.0.0.1:1883 is needed")
        return cls(
            host=parts.hostname,
            port=parts.port or _PORTS[parts.scheme],
            user=user,
            password=password,
            prefix=prefix,
            tls=ssl.create_default_context(cafile=ca) if parts.scheme == "mqtts" else None,
        )


class MqttLine:
    """Sends a body, reports its answer to `on_answer` and the end of the line to `on_lost`.

    The library's own thread is not used: all but the connecting is done in the sender's loop.
    """

    def __init__(
        self, broker: BrokerAddress, *, answer_s: float, on_answer: OnAnswer, on_lost: OnLost
    ) -> None:
        self.sent_at: float | None = None
        self._broker = broker
        self._answer_s = answer_s
        self._answered, self._lost = on_answer, on_lost
        self._loop = asyncio.get_running_loop()
        self._open: asyncio.Future[None] = self._loop.create_future()
        self._gone = self._over = False
        self._name = b""
        self._watch: asyncio.TimerHandle | None = None
        own = f"emulator-{secrets.token_hex(8)}"
        self._readings = f"{broker.prefix}/{broker.user}/readings"
        # What the broker lets this client read: deploy/mosquitto/acl.
        self._answers = f"{broker.prefix}/{broker.user}/answers/{own}/now"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=own,
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        client.username_pw_set(broker.user, broker.password)
        if broker.tls is not None:
            client.tls_set_context(broker.tls)
        client.connect_timeout = CONNECT_S
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        self._client = client

    async def open(self) -> None:
        """Connect and hear the answers.

        Raises:
            OSError: there is no broker, or it refuses.
        """
        try:
            await asyncio.to_thread(
                self._client.connect, self._broker.host, self._broker.port, keepalive=KEEP_ALIVE_S
            )
            self._follow()
            await self._open
        except BaseException:
            # Whoever opens it never had it: there is nobody to be told that it is lost.
            self._over = True
            self._close()
            raise

    def send(self, body: bytes, now: float) -> None:
        """Publish one body; the one before must have been answered."""
        if not self.usable:
            raise RuntimeError("the connection is closed or still waits for an answer")
        self.sent_at = now
        self._name = secrets.token_bytes(8)
        said = _properties(PacketTypes.PUBLISH)
        said.ContentType = "application/json"
        said.ResponseTopic = self._answers
        said.CorrelationData = self._name
        said.MessageExpiryInterval = max(1, int(self._answer_s))
        self._client.publish(self._readings, body, qos=1, properties=said)

    def abort(self) -> None:
        """Drop the line at once; `on_lost` follows."""
        self._close()

    @property
    def usable(self) -> bool:
        """True when a body can be sent now."""
        return not self._gone and self.sent_at is None

    def _answer(self, status: int, body: bytes) -> None:
        self.sent_at = None
        # Not within the library's callback: the next body goes out in it.
        self._loop.call_soon(self._tell, status, body)

    def _tell(self, status: int, body: bytes) -> None:
        if not self._over:
            self._answered(self, status, body, None)

    def _close(self) -> None:
        if self._gone:
            return
        self._gone = True
        if self._watch is not None:
            self._watch.cancel()
        sock = self._client.socket()
        if sock is not None:
            self._leave(sock)
            with contextlib.suppress(OSError):
                sock.close()
        if not self._open.done():
            self._open.set_exception(ConnectionError(f"{self._broker.host}: the broker is lost"))
            self._open.exception()
        self._loop.call_soon(self._report_lost)

    def _report_lost(self) -> None:
        if not self._over:
            self._over = True
            self._lost(self)

    def _follow(self) -> None:
        client, sock = self._client, self._client.socket()
        if sock is None:
            raise ConnectionError(f"{self._broker.host}: the broker closed the connection")
        client.on_socket_close = lambda _client, _data, closing: self._leave(closing)
        client.on_socket_register_write = lambda _client, _data, one: self._loop.add_writer(
            one.fileno(), self._step, client.loop_write
        )
        client.on_socket_unregister_write = self._written
        self._loop.add_reader(sock.fileno(), self._step, self._read)
        if client.want_write():
            self._loop.add_writer(sock.fileno(), self._step, client.loop_write)
        self._look()

    def _written(self, _client: Any, _data: Any, sock: Any) -> None:
        self._loop.remove_writer(sock.fileno())

    def _step(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:
            # The edge of the library's callbacks: after one that failed nobody knows what was read.
            logger.exception("%s: the line is closed", self._broker.host)
            self._close()

    def _read(self) -> None:
        sock: Any = self._client.socket()
        while sock is not None:
            self._client.loop_read()
            sock = self._client.socket()
            # TLS may have decrypted more than one packet, of which the descriptor tells nothing.
            if sock is None or not getattr(sock, "pending", int)():
                break

    def _look(self) -> None:
        self._step(self._client.loop_misc)
        if self._client.socket() is None:
            self._close()
        if not self._gone:
            self._watch = self._loop.call_later(_LOOK_S, self._look)

    def _leave(self, sock: socket.socket | Any) -> None:
        number = sock.fileno()
        if number >= 0:
            self._loop.remove_reader(number)
            self._loop.remove_writer(number)

    def _on_connect(self, client: Any, _data: Any, _flags: Any, reason: Any, _said: Any) -> None:
        if reason.is_failure:
            self._close()
        else:
            client.subscribe(self._answers, qos=1)

    def _on_subscribe(
        self, _client: Any, _data: Any, _number: int, reasons: list[Any], _said: Any
    ) -> None:
        if any(one.is_failure for one in reasons):
            self._close()
        elif not self._open.done():
            self._open.set_result(None)

    def _on_disconnect(self, *_: Any) -> None:
        self._close()

    def _on_publish(self, _client: Any, _data: Any, _number: int, reason: Any, _said: Any) -> None:
        # No matching subscribers is no failure: the intake may only be away, and bodies go again.
        if reason.is_failure and self.sent_at is not None:
            self._answer(NOT_ALLOWED, b"")

    def _on_message(self, _client: Any, _data: Any, message: Any) -> None:
        said = message.properties
        if self.sent_at is None or getattr(said, "CorrelationData", None) != self._name:
            return
        status = dict(getattr(said, "UserProperty", ())).get("status", "")
        self._answer(int(status) if status.isdecimal() else NOT_ALLOWED, bytes(message.payload))


def mqtt_lines(
    broker: BrokerAddress, *, answer_s: float
) -> Callable[[OnAnswer, OnLost], Awaitable[Line]]:
    """Connections to a broker; what has no answer within `answer_s` it may drop."""

    async def open_line(on_answer: OnAnswer, on_lost: OnLost) -> Line:
        line = MqttLine(broker, answer_s=answer_s, on_answer=on_answer, on_lost=on_lost)
        await line.open()
        return line

    return open_line
