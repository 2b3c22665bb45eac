"""Readings as a Parquet file: a row an interval that has a value, sorted by meter and instant."""

import io
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from functions.mdms.period_query import Page, columns
from storage.model.block import PRESENT

MEDIA_TYPE: Final = "application/vnd.apache.parquet"
ROWS_A_GROUP: Final = 65_536
COMPRESSION: Final = "zstd(3)"
INSTALL: Final = "pip install 'gridfaas[archive]'"


class FormNotInstalled(LookupError):
    """This zone's installation lacks the library that writes the form."""

    def __init__(self) -> None:
        super().__init__(
            f"Parquet needs arro3-io, which this zone has not installed ({INSTALL}); csv and "
            "ndjson have the same rows"
        )


class ParquetRows:
    """Collects rows, part by part; what it holds is about 40 bytes a row and the meters' names."""

    def __init__(self) -> None:
        """Begin without rows.

        Raises:
            FormNotInstalled: the library is missing.
        """
        self._core, self._files = _arro3()
        types = self._core.DataType
        self._kinds: dict[str, Any] = {
            "meter_id": types.utf8(),
            "register": types.utf8(),
            "at": types.timestamp("ms", tz="UTC"),
            "interval_s": types.int32(),
            "value": types.int32(),
            "final": types.int32(),
            "quality": types.uint8(),
            "revision": types.uint16(),
        }
        self._schema = self._core.Schema(
            [
                self._core.Field(name, kind, nullable=name == "value")
                for name, kind in self._kinds.items()
            ]
        )
        self._batches: list[Any] = []
        self.rows = 0

    def add(self, page: Page, slots: NDArray[np.void]) -> None:
        """Take in the present intervals of a page."""
        present = np.flatnonzero((slots["flags"] & PRESENT) != 0)
        if not len(present):
            return
        held = slots[present]
        count = len(present)
        instants = (page.first + present.astype(np.int64)) * page.interval_s * 1_000
        of = self._core.Array
        arrays = [
            self._texts([page.meter_id] * count),
            self._texts([page.register] * count),
            of.from_numpy(instants).cast(self._kinds["at"]),
            of.from_numpy(np.full(count, page.interval_s, dtype=np.int32)),
            of(columns(held)["values"], type=self._kinds["value"]),
            of.from_numpy(held["final"].astype(np.int32)),
            of.from_numpy(held["quality"].astype(np.uint8)),
            of.from_numpy(held["revision"].astype(np.uint16)),
        ]
        self._batches.append(self._core.RecordBatch.from_arrays(arrays, schema=self._schema))
        self.rows += count

    def written(self) -> bytes:
        """The file; it takes a while, so it wants a thread of its own."""
        file = io.BytesIO()
        self._files.write_parquet(
            self._core.Table.from_batches(self._batches, schema=self._schema),
            file,
            compression=COMPRESSION,
            max_row_group_size=ROWS_A_GROUP,
        )
        return file.getvalue()

    def _texts(self, texts: Sequence[str]) -> Any:
        return self._core.Array(texts, type=self._kinds["meter_id"])


def _arro3() -> tuple[Any, Any]:
    try:
        # Loaded when it is used: most workers never write a file.
        from arro3 import core, io
    except ImportError as error:
        raise FormNotInstalled from error
    return core, io
