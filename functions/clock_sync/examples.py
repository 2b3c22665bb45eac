"""What the OpenAPI document shows of each route: bodies and answers to copy from."""

from typing import Any, Final

import msgspec

from functions.clock_sync.schema import ExchangeAnswer, ExchangeBody, Status
from functions.runtime.problem import MEDIA_TYPE as PROBLEM_TYPE

ONE: Final[dict[str, Any]] = {
    "summary": "One meter, or one zone",
    "value": {"t1_us": 1_767_225_600_000_000},
}
MANY: Final[dict[str, Any]] = {
    "summary": "A head-end for two meters",
    "value": {"t1_us": [1_767_225_600_000_000, 1_767_225_598_250_000]},
}
ANSWER: Final[dict[str, Any]] = {
    "t1_us": 1_767_225_600_000_000,
    "t2_us": 1_767_225_600_020_500,
    "t3_us": 1_767_225_600_020_640,
    "zone": "zone-3a",
    "synchronised": True,
    "stratum": 3,
    "reference": "zone-2",
    "root_delay_us": 41_300,
    "root_dispersion_us": 260,
}
STATUS: Final[dict[str, Any]] = {
    "zone": "zone-3a",
    "now": "2026-01-01T00:00:00.020500Z",
    "synchronised": True,
    "stratum": 3,
    "reference": "zone-2",
    "offset_us": -1_250,
    "delay_us": 21_100,
    "jitter_us": 310,
    "root_delay_us": 41_300,
    "root_dispersion_us": 260,
    "heard": "2025-12-31T23:59:48.114200Z",
    "last_error": None,
    "sntp": "127.0.0.1:8083",
}


def exchange_document(*, most: int) -> dict[str, Any]:
    """Return the OpenAPI entry of an exchange of up to `most` meters."""
    body, answer = _schemas(ExchangeBody, ExchangeAnswer)
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": body, "examples": {"one": ONE, "many": MANY}}
            },
        },
        "responses": {
            "200": {
                "description": "The time, and how good it is",
                "content": {"application/json": {"schema": answer, "example": ANSWER}},
            },
            "400": _problem("malformed-body: no JSON, or another form; `detail` says where"),
            "413": _problem(f"body-too-large: more than {most} meters"),
        },
    }


def status_document() -> dict[str, Any]:
    """Return the OpenAPI entry of the status route."""
    (schema,) = _schemas(Status)
    return {
        "responses": {
            "200": {
                "description": "How good the zone's time is",
                "content": {"application/json": {"schema": schema, "example": STATUS}},
            }
        }
    }


def _schemas(*kinds: Any) -> list[dict[str, Any]]:
    found = []
    for kind in kinds:
        (_, components) = msgspec.json.schema_components([kind])
        # Spelled out in its place: none of them refers to another.
        (schema,) = components.values()
        found.append(schema)
    return found


def _problem(what: str) -> dict[str, Any]:
    return {"description": what, "content": {PROBLEM_TYPE: {"schema": {"type": "object"}}}}
