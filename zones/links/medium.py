"""What links are made of, as data: delay, jitter, rate, loss per direction, each with a source."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

MEDIA = Path(__file__).parents[1] / "designs" / "media.yaml"

Direction = Literal["up", "down"]
DIRECTIONS: tuple[Direction, ...] = ("up", "down")
"""Towards headquarters, and away from it."""

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Positive = Annotated[float, msgspec.Meta(gt=0)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Source = Annotated[str, msgspec.Meta(min_length=10)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class MediaError(Exception):
    """A file of media that cannot be used; names the file and the field."""


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One direction of a path: delay is one way, jitter spreads it evenly by that much around.

    `loss` is the probability that a packet is lost; a rate of None is unlimited.
    """

    delay_ms: NotNegative = 0.0
    jitter_ms: NotNegative = 0.0
    rate_mbps: Positive | None = None
    loss: Share = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError when packets would arrive before they were sent."""
        if self.jitter_ms > self.delay_ms:
            raise ValueError(f"jitter_ms {self.jitter_ms} is above delay_ms {self.delay_ms}")


class Lengths(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Milliseconds in either direction, and where they are from."""

    up: NotNegative
    down: NotNegative
    source: Source


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mbit/s in either direction (null: unlimited), and where they are from."""

    up: Positive | None
    down: Positive | None
    source: Source


class Losses(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Shares of packets lost in either direction, and where they are from."""

    up: Share
    down: Share
    source: Source


class Medium(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of path."""

    name: Name
    what: str
    delay_ms: Lengths
    jitter_ms: Lengths
    rate_mbps: Rates
    loss: Losses

    def line(self, direction: Direction) -> Line:
        """Return the figures of one direction."""
        return Line(
            delay_ms=getattr(self.delay_ms, direction),
            jitter_ms=getattr(self.jitter_ms, direction),
            rate_mbps=getattr(self.rate_mbps, direction),
            loss=getattr(self.loss, direction),
        )


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    media: Annotated[list[Medium], msgspec.Meta(min_length=1)]


def load_media(path: Path = MEDIA) -> dict[str, Medium]:
    """Read the media by their names.

    Raises:
        MediaError: unreadable, not YAML, a wrong field, a name used twice, or jitter above delay.
    """
    try:
        found = msgspec.convert(yaml.safe_load(path.read_text()), _File).media
        for medium in found:
            for direction in DIRECTIONS:
                medium.line(direction)
    except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise MediaError(f"{path}: {error}") from error
    except ValueError as error:
        raise MediaError(f"{path}: {medium.name}, {direction}: {error}") from error
    by_name = {medium.name: medium for medium in found}
    if len(by_name) < len(found):
        raise MediaError(f"{path}: a name is used twice - at `$.media`")
    return by_name
