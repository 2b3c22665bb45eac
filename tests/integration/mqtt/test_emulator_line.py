"""The emulator's line to a real broker: what it cannot read ends it, and the sender hears of it."""

import asyncio
import os
import shutil
import threading
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from meter_emulator.mqtt_line import BrokerAddress, MqttLine
from tests.integration.mqtt.broker import PASSWORD, Broker, running_broker
from tests.integration.zones.conftest import free_port, short_folder

WITHIN_S = 20
# More digits than Python reads.
UNREADABLE = "9" * 5_000


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """A broker without an intake."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if shutil.which("mosquitto", path=path) is None:
        pytest.skip("needs mosquitto (Debian: apt install mosquitto)")
    with (
        short_folder() as folder,
        running_broker(folder / "broker", port=free_port(), tls=False) as running,
    ):
        yield running


class Intake:
    """Answers every message of acme's meters with a status of its own."""

    def __init__(self, broker: Broker, *, status: str) -> None:
        self._broker = broker
        self._status = status
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.username_pw_set("intake.acme", PASSWORD)
        self._client.on_connect = self._subscribe
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._answer

    def __enter__(self) -> "Intake":
        self._client.connect("127.0.0.1", self._broker.port)
        self._client.loop_start()
        assert self._subscribed.wait(WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe("gridfaas/acme/readings", qos=1)

    def _answer(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        asked: Any = message.properties
        said: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's
        said.CorrelationData = asked.CorrelationData
        said.UserProperty = [("status", self._status)]
        client.publish(asked.ResponseTopic, b"{}", qos=1, properties=said)


@pytest.mark.parametrize(
    ("status", "end"),
    [
        pytest.param("200", ("answered", 200), id="an_answer"),
        pytest.param(UNREADABLE, ("lost", None), id="an_answer_that_nobody_can_read"),
    ],
)
async def test_an_answer_that_cannot_be_read_ends_the_line(
    broker: Broker, status: str, end: tuple[str, int | None]
) -> None:
    ends: asyncio.Queue[tuple[str, int | None]] = asyncio.Queue()
    line = MqttLine(
        BrokerAddress.of(broker.url, user="acme", password=PASSWORD),
        answer_s=WITHIN_S,
        on_answer=lambda _line, status, _body, _after: ends.put_nowait(("answered", status)),
        on_lost=lambda _line: ends.put_nowait(("lost", None)),
    )
    with Intake(broker, status=status):
        await line.open()
        try:
            async with asyncio.timeout(WITHIN_S):
                line.send(b"{}", 0.0)
                assert await ends.get() == end
            assert line.usable is (end[0] == "answered")
        finally:
            line.abort()
            await asyncio.sleep(0)
