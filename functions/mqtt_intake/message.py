"""A message of readings as it came from the broker, and what it is answered."""

from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import MQTTMessage

CODING: Final = "content-encoding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`content_type` and `coding` are None where the sender said nothing.

    `expires_s` is what is left of the message's own time, None for no limit.
    """

    number: int
    qos: int
    body: bytes
    content_type: str | None
    coding: str | None
    response_topic: str | None
    correlation: bytes | None
    expires_s: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What mdms answered, or what is answered in its place."""

    status: int
    content_type: str
    body: bytes


def message_of(received: MQTTMessage) -> Message:
    """Read what the client library made of a PUBLISH packet."""
    properties = received.properties

    def said(name: str) -> Any:
        return None if properties is None else getattr(properties, name, None)

    named = {name.lower(): value for name, value in said("UserProperty") or ()}
    return Message(
        number=received.mid,
        qos=received.qos,
        body=bytes(received.payload),
        content_type=said("ContentType"),
        coding=named.get(CODING),
        response_topic=said("ResponseTopic"),
        correlation=said("CorrelationData"),
        expires_s=said("MessageExpiryInterval"),
    )
