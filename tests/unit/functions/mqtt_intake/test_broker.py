"""What the secrets of a broker may be."""

import pytest

from functions.mqtt_intake.broker import BadBroker, read_broker

GOOD = {"broker_url": "mqtt://broker.example", "username": "intake.acme", "password": "p-w"}


def test_ports_follow_the_scheme() -> None:
    plain = read_broker(GOOD)
    secure = read_broker(GOOD | {"broker_url": "mqtts://broker.example"})

    assert (plain.address, plain.tls) == ("broker.example:1883", None)
    assert secure.address == "broker.example:8883"
    assert secure.tls is not None
    assert secure.tls.check_hostname


@pytest.mark.parametrize(
    "change",
    [
        {"broker_url": ""},
        {"broker_url": "http://broker.example"},
        {"broker_url": "mqtt://"},
        {"broker_url": "mqtt://broker.example:notaport"},
        {"broker_url": "mqtt://user:p-w@broker.example"},
        {"broker_url": "mqtt://broker.example/path"},
        {"username": ""},
        {"password": ""},
        {"broker_url": "mqtts://broker.example", "ca": "no certificate"},
    ],
)
def test_what_cannot_be_used_is_named_and_not_shown(change: dict[str, str]) -> None:
    with pytest.raises(BadBroker) as refused:
        read_broker(GOOD | change)

    assert list(change)[-1] in str(refused.value)
    assert "p-w" not in str(refused.value)


def test_a_broker_does_not_show_its_password() -> None:
    assert "p-w" not in repr(read_broker(GOOD))
