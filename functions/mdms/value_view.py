"""Which values an answer shows: as metered (pre-VEE), as they count (post-VEE), or side by side."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from functions.mdms.query_schema import SeriesPart


class View(StrEnum):
    """`raw` is what the meter said, `final` what counts, with its quality and revision."""

    RAW = "raw"
    FINAL = "final"
    BOTH = "both"


_HIDDEN: dict[View, frozenset[str]] = {
    View.RAW: frozenset({"final", "quality", "revision"}),
    View.FINAL: frozenset({"values", "value"}),
    View.BOTH: frozenset(),
}


def viewed_part(part: SeriesPart, view: View) -> SeriesPart:
    """The part without the lists that `view` leaves out."""
    if view is View.BOTH:
        return part
    if view is View.RAW:
        return replace(part, final=UNSET, quality=UNSET, revision=UNSET)
    return replace(part, values=UNSET)


def viewed_names(names: Sequence[str], view: View) -> tuple[str, ...]:
    """The columns of a row that `view` shows."""
    return tuple(name for name in names if name not in _HIDDEN[view])


def viewed_rows(rows: Sequence[Mapping[str, Any]], view: View) -> list[dict[str, Any]]:
    """The rows as `view` shows them: a raw row without a metered value is left out."""
    hidden = _HIDDEN[view]
    return [
        {name: value for name, value in row.items() if name not in hidden}
        for row in rows
        if view is not View.RAW or row["value"] is not None
    ]
