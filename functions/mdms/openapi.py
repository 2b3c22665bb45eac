"""The OpenAPI entries of the raw routes, which FastAPI does not see."""

from typing import Any, Final

import msgspec

from functions.mdms.hot_routes import READINGS, UPLINK
from functions.mdms.schema import Acknowledgement, ReadingsAnswer, ReadingsBody
from functions.mdms.uplink import MEDIA_TYPE
from functions.runtime.problem import MEDIA_TYPE as PROBLEM_TYPE

_SERIES: Final = {
    "summary": "One meter's run and one instant's meters",
    "value": {
        "series": [
            {
                "meter_id": "A000001",
                "register": "1-0:1.8.0",
                "start": "2026-01-01T00:00:00Z",
                "interval_s": 900,
                "values": [110, 104, 98, 101],
                "quality": 14,
            },
            {
                "at": "2026-01-01T01:00:00Z",
                "register": "1-0:1.8.0",
                "interval_s": 900,
                "meter_ids": ["A000001", "A000002"],
                "values": [99, 240],
            },
        ]
    },
}
_ANSWER: Final = {
    "accepted": 3,
    "duplicate": 1,
    "corrected": 0,
    "rejected": 2,
    "series": [
        {
            "accepted": 3,
            "duplicate": 1,
            "corrected": 0,
            "rejected": 0,
            "outcomes": [
                {"from": 0, "count": 1, "outcome": "duplicate"},
                {"from": 1, "count": 3, "outcome": "accepted"},
            ],
        },
        {
            "accepted": 0,
            "duplicate": 0,
            "corrected": 0,
            "rejected": 2,
            "outcomes": [
                {
                    "from": 0,
                    "count": 2,
                    "outcome": "rejected",
                    "reason": "unknown-meter",
                    "detail": "the meter is not in the registry",
                }
            ],
        },
    ],
}
_PROBLEMS: Final = {
    400: "malformed-body: no JSON, or no list of series; `detail` says where",
    404: "not-in-this-zone: zones of another tier serve this",
    413: "body-too-large",
    415: "unsupported-media-type",
    503: "store-full or store-unavailable: send the body again, with Retry-After's delay if given",
    504: "deadline-exceeded: send the body again",
}


def raw_routes() -> dict[str, Any]:
    """Return `paths` and `components` of the raw routes, to be merged into the document."""
    (readings, answer, acknowledged), components = msgspec.json.schema_components(
        [ReadingsBody, ReadingsAnswer, Acknowledgement],
        ref_template="#/components/schemas/{name}",
    )
    return {
        "paths": {
            READINGS: {
                "post": _operation(
                    "Take readings",
                    "Every reading gets an outcome; an answer means the good ones are durable.",
                    body={
                        "application/json": {"schema": readings, "examples": {"series": _SERIES}}
                    },
                    answer={"schema": answer, "example": _ANSWER},
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
