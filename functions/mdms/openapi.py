"""The OpenAPI entries of the raw routes, which FastAPI does not see."""

from typing import Any, Final

import msgspec

from functions.mdms import arrow_body, csv_body, line_body
from functions.mdms.body_examples import (
    CSV,
    LINES,
    LIST,
    LIST_ANSWER,
    SERIES,
    SERIES_ANSWER,
)
from functions.mdms.hot_routes import READINGS, UPLINK
from functions.mdms.reading_schema import (
    Acknowledgement,
    ReadingsAnswer,
    ReadingsBody,
    SeriesAnswer,
)
from functions.mdms.uplink import MEDIA_TYPE
from functions.runtime.problem import MEDIA_TYPE as PROBLEM_TYPE

_TEXT: Final = {"type": "string"}
_PROBLEMS: Final = {
    400: "malformed-body: not of its media type or form; `detail` says where",
    404: "not-in-this-zone: zones of another tier serve this",
    413: "body-too-large, as it is sent or once it is decoded",
    415: "unsupported-media-type",
    503: "store-full or store-unavailable: send the body again, with Retry-After's delay if given",
    504: "deadline-exceeded: send the body again",
}


def raw_routes() -> dict[str, Any]:
    """Return `paths` and `components` of the raw routes, to be merged into the document."""
    (readings, of_series, of_list, acknowledged), components = msgspec.json.schema_components(
        [ReadingsBody, ReadingsAnswer, SeriesAnswer, Acknowledgement],
        ref_template="#/components/schemas/{name}",
    )
    return {
        "paths": {
            READINGS: {
                "post": _operation(
                    "Take readings",
                    "Every reading gets an outcome; an answer means the good ones are durable. "
                    "A body may be of Content-Encoding gzip or zstd.",
                    body={
                        "application/json": {
                            "schema": readings,
                            "examples": {"series": SERIES, "list": LIST},
                        },
                        line_body.MEDIA_TYPE: {"schema": _TEXT, "examples": {"lines": LINES}},
                        csv_body.MEDIA_TYPE: {"schema": _TEXT, "examples": {"csv": CSV}},
                        arrow_body.MEDIA_TYPE: {"schema": _TEXT | {"format": "binary"}},
                    },
                    answer={
                        "schema": {"anyOf": [of_series, of_list]},
                        "examples": {"series": SERIES_ANSWER, "list": LIST_ANSWER},
                    },
                )
            },
            UPLINK: {
                "post": _operation(
                    "Take entries of a child zone",
                    "For zone credentials: MessagePack entries in order, optionally zstd.",
                    body={MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
                    answer={"schema": acknowledged, "example": {"acknowledged": 12}},
                )
            },
        },
        "components": {"schemas": components},
    }


def _operation(
    summary: str, description: str, *, body: dict[str, Any], answer: dict[str, Any]
) -> dict[str, Any]:
    problems = {
        str(status): {
            "description": what,
            "content": {PROBLEM_TYPE: {"schema": {"type": "object"}}},
        }
        for status, what in _PROBLEMS.items()
    }
    return {
        "tags": ["mdms"],
        "summary": summary,
        "description": description,
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": summary, "content": {"application/json": answer}},
            **problems,
        },
    }
