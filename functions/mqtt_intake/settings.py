"""How much the intake holds at once, how long it tries, and what it agrees with the broker."""

from typing import Annotated, Any

import msgspec

Seconds = Annotated[float, msgspec.Meta(gt=0)]
WholeSeconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type; names it."""


class IntakeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`in_flight` messages of `max_message_bytes` at most are held at a time.

    A message is tried for `answer_within_s`. The broker keeps what came for `session_s` while the
    intake is away, and an answer for `answer_keeps_s` while its meter is.
    """

    topic_prefix: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "gridfaas"
    in_flight: Annotated[int, msgspec.Meta(ge=1, le=1_024)] = 64
    max_message_bytes: Annotated[int, msgspec.Meta(ge=1_024, le=8 << 20)] = 1 << 20
    answer_within_s: Seconds = 30.0
    answer_keeps_s: WholeSeconds = 300
    session_s: WholeSeconds = 300
    keep_alive_s: Annotated[int, msgspec.Meta(ge=2, le=3_600)] = 30
    connect_within_s: Seconds = 10.0
    first_retry_s: Seconds = 0.25
    longest_retry_s: Seconds = 5.0


def read_settings(settings: dict[str, Any]) -> IntakeSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        return msgspec.convert(settings, IntakeSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of mqtt_intake: {error}") from error
