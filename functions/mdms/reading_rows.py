"""Intervals as rows of an export: one each, those without a value left out."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.period_query import Page, columns
from storage.model.block import PRESENT

ROW: Final = (
    "meter_id",
    "register",
    "at",
    "interval_s",
    "value",
    "final",
    "quality",
    "revision",
)


def rows_of(page: Page, slots: NDArray[np.void]) -> list[dict[str, Any]]:
    """The present intervals of a page, with the names of `ROW`, by instant."""
    present = np.flatnonzero((slots["flags"] & PRESENT) != 0)
    seconds = (page.first + present) * page.interval_s
    texts = np.datetime_as_string(seconds.astype("M8[s]"), unit="s").tolist()
    laid_out = columns(slots[present])
    return [
        {
            "meter_id": page.meter_id,
            "register": page.register,
            "at": at + "Z",
            "interval_s": page.interval_s,
            "value": value,
            "final": final,
            "quality": quality,
            "revision": revision,
        }
        for at, value, final, quality, revision in zip(
            texts,
            laid_out["values"],
            laid_out["final"],
            laid_out["quality"],
            laid_out["revision"],
            strict=True,
        )
    ]
