"""A real Mosquitto with the ACL that ships with the platform, and meters that speak to it."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.integration.zones.agent_process import ROOT, until

ACL = ROOT / "deploy" / "mosquitto" / "acl"
PASSWORD = "a-password-for-tests"
USERS = ("acme", "basra", "intake.acme", "intake.basra")


@dataclass(slots=True)
class Broker:
    """The broker's process, which a test may kill and start again on the same port."""

    binary: str
    folder: Path
    port: int
    ca: str | None
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        """Where the intake finds it."""
        return f"{'mqtts' if self.ca else 'mqtt'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens."""
        assert self.process is None
        process = self.process = subprocess.Popen(
            [self.binary, "-c", str(self.folder / "mosquitto.conf")]
        )

        def listens() -> bool:
            assert process.poll() is None, "mosquitto ended"
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            return False

        until(listens, "mosquitto listens")

    def kill(self) -> None:
        """End it by SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self.process = None


@contextlib.contextmanager
def running_broker(folder: Path, *, port: int, tls: bool) -> Iterator[Broker]:
    """Run Mosquitto on a port of 127.0.0.1 for the length of the block."""
    binary = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    assert binary is not None
    folder.mkdir()
    passwords = folder / "passwords"
    passwords.touch(mode=0o600)
    for user in USERS:
        subprocess.run(
            ["mosquitto_passwd", "-b", str(passwords), user, PASSWORD], check=True, timeout=30
        )
    shutil.copy(ACL, folder / "acl")
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous false",
        f"password_file {passwords}",
        f"acl_file {folder / 'acl'}",
        "max_packet_size 1048576",
        "persistence true",
        f"persistence_location {folder}/",
        "autosave_interval 1",
        "log_dest none",
    ]
    ca = None
    if tls:
        _certify(folder)
        ca = (folder / "cert.pem").read_text()
        lines += [f"certfile {folder / 'cert.pem'}", f"keyfile {folder / 'key.pem'}"]
    if os.geteuid() == 0:
        # It would otherwise become another user, to whom this folder is closed.
        lines.append("user root")
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    broker = Broker(binary=binary, folder=folder, port=port, ca=ca)
    broker.start()
    try:
        yield broker
    finally:
        if broker.process is not None:
            broker.process.terminate()
            broker.process.wait(10)


def _certify(folder: Path) -> None:
    asked = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=broker "
        "-addext subjectAltName=IP:127.0.0.1"
    )
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *asked.split(), *files], check=True, capture_output=True, timeout=30)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as a meter hears it."""

    status: str
    content_type: str
    body: bytes


class Meters:
    """A client of the broker with the rights of a tenant's meters; it keeps what it hears."""

    def __init__(self, broker: Broker, *, user: str, client_id: str) -> None:
        self._broker = broker
        self._answers: dict[bytes, list[Answered]] = {}
        self._came = threading.Condition()
        self._subscribed = threading.Event()
        self.answer_topic = f"gridfaas/{user}/answers/{client_id}/now"
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        client.username_pw_set(user, PASSWORD)
        if broker.ca is not None:
            client.tls_set_context(ssl.create_default_context(cadata=broker.ca))
        client.on_connect = lambda *_: client.subscribe(self.answer_topic, qos=1)
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._hear
        client.reconnect_delay_set(1, 1)
        self._client = client

    def __enter__(self) -> "Meters":
        self._client.connect("127.0.0.1", self._broker.port, clean_start=True)
        self._client.loop_start()
        assert self._subscribed.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(
        self,
        body: bytes,
        *,
        correlation: bytes,
        topic: str = "gridfaas/acme/readings",
        answer_to: str | None = None,
        qos: int = 1,
        coding: str | None = None,
        **said: Any,
    ) -> mqtt.MQTTMessageInfo:
        """Publish readings; `said` are further properties."""
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = answer_to or self.answer_topic
        properties.CorrelationData = correlation
        if coding is not None:
            properties.UserProperty = [("content-encoding", coding)]
        for name, value in said.items():
            setattr(properties, name, value)
        return self._client.publish(topic, body, qos=qos, properties=properties)

    def answers(self, correlation: bytes) -> list[Answered]:
        """What was heard of a message so far."""
        with self._came:
            return list(self._answers.get(correlation, ()))

    def answer(self, correlation: bytes, *, within_s: float = 30.0) -> Answered:
        """The first answer to a message."""
        found = self.heard(correlation, within_s=within_s)
        assert found is not None, f"no answer to {correlation!r} within {within_s} s"
        return found

    def heard(self, correlation: bytes, *, within_s: float) -> Answered | None:
        """The first answer to a message; None when there is none in time."""
        with self._came:
            self._came.wait_for(lambda: correlation in self._answers, within_s)
            return self._answers[correlation][0] if correlation in self._answers else None

    def _hear(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        said = message.properties
        assert said is not None
        status = dict(said.UserProperty)["status"]
        heard = Answered(status, said.ContentType, bytes(message.payload))
        with self._came:
            self._answers.setdefault(bytes(said.CorrelationData), []).append(heard)
            self._came.notify_all()
