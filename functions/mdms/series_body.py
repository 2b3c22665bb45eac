"""A body of series as it was decoded, to be laid out together with those that come with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Protocol, TypeAlias

from msgspec import UNSET

from functions.mdms.arrivals import READINGS_A_PLACE, Arrivals
from functions.mdms.reading_schema import Series
from functions.mdms.series_columns import lay_out


@dataclass(frozen=True, slots=True)
class SeriesBody:
    """Series whose forms are right, of a body of allowed size; `lengths` are their readings."""

    series: list[Series]
    lengths: list[int]

    listed: ClassVar[bool] = False
    error: ClassVar[Mapping[int, str]] = MappingProxyType({})

    @property
    def effort(self) -> int:
        """As `Arrivals.effort`."""
        effort = 0
        for one, readings in zip(self.series, self.lengths, strict=True):
            is_run = one.meter_ids is UNSET
            effort += 1 + (readings - 1) // READINGS_A_PLACE if is_run else readings
        return effort


Brought: TypeAlias = Arrivals | SeriesBody


class Answered(Protocol):
    """What an answer needs to know of a body: see `Arrivals`."""

    @property
    def lengths(self) -> list[int]: ...
    @property
    def listed(self) -> bool: ...
    @property
    def error(self) -> Mapping[int, str]: ...


def columns_of_body(body: Brought) -> Arrivals:
    """The body as columns."""
    return body if isinstance(body, Arrivals) else lay_out(body.series, body.lengths)


def columns_of_bodies(bodies: Sequence[SeriesBody]) -> Arrivals:
    """The readings of several bodies, one after another, as columns."""
    return lay_out(
        [one for body in bodies for one in body.series],
        [readings for body in bodies for readings in body.lengths],
    )
