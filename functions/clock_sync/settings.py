"""How often a zone asks its parent, how much it trusts its own clock, and where SNTP listens."""

from typing import Annotated, Any

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type; names it."""


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first `first_polls` questions go out every `first_poll_s`, later ones every `poll_s`.

    `tolerance_ppm` is what the machine's oscillator may be wrong by: 15 as in RFC 5905, which is
    1.3 s in the 24 hours that a zone has to work cut off. Above `max_distance_s` the zone says
    that it does not know the time. `sntp_port` 0 turns the SNTP server off; unset, it is the UDP
    port of the same number as the gateway's. A source may send `sntp_burst` packets at once, and
    one every `sntp_every_s` in the long run; `sntp_sources` of them are remembered.
    """

    poll_s: Seconds = 16.0
    first_polls: Positive = 8
    first_poll_s: Seconds = 1.0
    answer_within_s: Seconds = 5.0
    tolerance_ppm: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 15.0
    max_distance_s: Seconds = 1.5
    headquarters_error_us: Annotated[int, msgspec.Meta(ge=0)] = 0
    exchange_meters: Positive = 10_000
    sntp_host: str = "127.0.0.1"
    sntp_port: Port | None = None
    sntp_burst: Positive = 16
    sntp_every_s: Seconds = 2.0
    sntp_sources: Positive = 10_000


def read_settings(settings: dict[str, Any]) -> ClockSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        return msgspec.convert(settings, ClockSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of clock_sync: {error}") from error
