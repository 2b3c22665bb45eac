"""The forms that a body of readings may have, by media type: all end as the same columns."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from functions.mdms import arrow_body, csv_body, line_body
from functions.mdms.readings_body import open_body
from functions.mdms.series_body import Brought

JSON: Final = "application/json"


class BodyReader(Protocol):
    """Reads a whole body of one form."""

    def __call__(self, body: bytes, *, max_readings: int) -> Brought:
        """Decode `body`; see `read_body` for what is raised."""


FORMS: Final[Mapping[str, BodyReader]] = MappingProxyType(
    {
        JSON: open_body,
        line_body.MEDIA_TYPE: line_body.read_lines,
        csv_body.MEDIA_TYPE: csv_body.read_csv,
        arrow_body.MEDIA_TYPE: arrow_body.read_arrow,
    }
)
