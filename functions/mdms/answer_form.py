"""The form in which readings are answered: by `format`, or else by Accept."""

import csv
import io
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from functions.mdms import green_button, parquet_form


class AnswerForm(StrEnum):
    """JSON in one piece; the others as long as they get: a row a line, or a feed of entries."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    GREEN_BUTTON = "greenbutton"
    PARQUET = "parquet"


MEDIA_TYPES: Final[Mapping[AnswerForm, str]] = {
    AnswerForm.JSON: "application/json",
    AnswerForm.NDJSON: "application/x-ndjson",
    AnswerForm.CSV: "text/csv",
    AnswerForm.GREEN_BUTTON: green_button.MEDIA_TYPE,
    AnswerForm.PARQUET: parquet_form.MEDIA_TYPE,
}
_encoder = msgspec.json.Encoder()


def form_of(asked: AnswerForm | None, accept: str) -> AnswerForm:
    """The form that a call asks for: `asked`, else the first known of `accept`, else JSON."""
    if asked is not None:
        return asked
    for one in accept.split(","):
        kind = one.partition(";")[0].strip().lower()
        for form, media_type in MEDIA_TYPES.items():
            if kind == media_type:
                return form
    return AnswerForm.JSON


def encode_rows(form: AnswerForm, rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as lines of NDJSON or CSV; an empty field of CSV is null."""
    if form is AnswerForm.NDJSON:
        return _encoder.encode_lines(rows)
    text = io.StringIO()
    csv.writer(text).writerows(row.values() for row in rows)
    return text.getvalue().encode()


def encode_header(form: AnswerForm, names: Sequence[str]) -> bytes:
    """The line before the rows: CSV has one."""
    return (",".join(names) + "\r\n").encode() if form is AnswerForm.CSV else b""
