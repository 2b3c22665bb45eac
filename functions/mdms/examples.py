"""What the OpenAPI document shows of each ordinary route: answers and bodies to copy from."""

from typing import Any, Final

import msgspec

_METER: Final = {
    "meter_id": "A000001",
    "registers": ["1-0:1.8.0", "1-0:2.8.0"],
    "interval_s": 900,
    "dials": 8,
    "multiplier": 1,
    "service_point": None,
    "feeder": "F-01",
    "transformer": "T-0107",
    "time_zone": "Asia/Baghdad",
    "active": True,
}
_HELD: Final = _METER | {"version": 17}
_PAGE: Final = {"after": 16, "version": 17, "complete": True, "meters": [_HELD]}


def _answer(example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}}}


def _body(example: Any) -> dict[str, Any]:
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"example": example}},
        }
    }


_ROW: Final = {
    "meter_id": "A000001",
    "register": "1-0:1.8.0",
    "at": "2026-01-01T00:00:00Z",
    "interval_s": 900,
    "value": 110,
    "final": 110,
    "quality": 0,
    "revision": 0,
}
_PERIOD: Final[dict[str, Any]] = {
    "meter_id": "A000001",
    "register": "1-0:1.8.0",
    "interval_s": 900,
    "from": "2026-01-01T00:00:00Z",
    "to": "2026-01-01T00:45:00Z",
    "series": [
        {
            "start": "2026-01-01T00:00:00Z",
            "values": [110, None, 98],
            "final": [110, None, 98],
            "quality": [0, None, 14],
            "revision": [0, None, 1],
        }
    ],
    "source": "hot",
    "next_cursor": None,
}
_DERIVED: Final = _PERIOD | {
    "meter_id": "NET-01",
    "series": [
        {
            "start": "2026-01-01T00:00:00Z",
            "values": [None, None, None],
            "final": [85, None, 98],
            "quality": [11, None, 11],
            "revision": [0, None, 0],
            "missing_parts": [0, 1, 0],
        }
    ],
}
_MANY: Final = {
    "register": "1-0:1.8.0",
    "from": "2026-01-01T00:00:00Z",
    "to": "2026-01-01T00:45:00Z",
    "meters": [{"meter_id": "A000001", "series": [{"interval_s": 900} | _PERIOD["series"][0]]}],
    "source": "hot",
}
_RESAMPLED: Final = {
    "register": "1-0:1.8.0",
    "from": "2026-01-01T00:00:00Z",
    "to": "2026-01-02T00:00:00Z",
    "resample": "day",
    "time_zone": "UTC",
    "meters": [
        {
            "meter_id": "A000001",
            "buckets": [
                {
                    "from": "2026-01-01T00:00:00Z",
                    "to": "2026-01-02T00:00:00Z",
                    "sum": 9480,
                    "intervals": 95,
                    "missing": 1,
                }
            ],
        }
    ],
    "source": "hot",
}
PERIOD: Final[dict[str, Any]] = {
    "responses": {
        200: {
            "content": {
                "application/json": {
                    "examples": {
                        "page": {"summary": "One meter: a page", "value": _PERIOD},
                        "virtual": {"summary": "A virtual meter", "value": _DERIVED},
                        "many": {"summary": "Many meters", "value": _MANY},
                        "resampled": {"summary": "Days", "value": _RESAMPLED},
                    }
                },
                "application/x-ndjson": {"example": msgspec.json.encode(_ROW).decode() + "\n"},
                "application/atom+xml": {"schema": {"type": "string"}},
                "application/vnd.apache.parquet": {"schema": {"type": "string"}},
                "text/csv": {
                    "example": ",".join(_ROW) + "\r\n" + ",".join(map(str, _ROW.values())) + "\r\n"
                },
            }
        }
    }
}
AGGREGATE: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "of": "feeder",
            "name": "F-01",
            "register": "1-0:1.8.0",
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-01-01T01:00:00Z",
            "resample": "3600",
            "time_zone": "UTC",
            "meters": 50,
            "with_values": 49,
            "buckets": [
                {
                    "from": "2026-01-01T00:00:00Z",
                    "to": "2026-01-01T01:00:00Z",
                    "sum": 20480,
                    "with_values": 49,
                    "complete": 48,
                    "intervals": 195,
                    "missing": 5,
                }
            ],
            "source": "hot",
        }
    )
}
TIME_OF_USE: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "of": "tenant",
            "name": "acme",
            "register": "1-0:1.8.0",
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-02-01T00:00:00Z",
            "time_zone": "UTC",
            "periods": ["peak", "off-peak"],
            "total": [112_640, 409_600],
            "meters": [
                {
                    "meter_id": "A000001",
                    "sum": [112_640, 409_600],
                    "intervals": [352, 2_620],
                    "missing": [0, 4],
                }
            ],
            "source": "cold",
        }
    )
}
VALIDATION: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "register": "1-0:1.8.0",
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-01-02T00:00:00Z",
            "source": "hot",
            "rules": [
                {
                    "rule": "interval-spike",
                    "severity": "error",
                    "quality": 10,
                    "parameters": {"ratio": 4.0, "reach": 4, "floor_wh": 500},
                }
            ],
            "counts": {"interval-spike": 1},
            "meters": [
                {
                    "meter_id": "A000001",
                    "intervals": 96,
                    "present": 96,
                    "findings": [
                        {
                            "rule": "interval-spike",
                            "severity": "error",
                            "iec_code": "3.6.3",
                            "quality": 10,
                            "from": "2026-01-01T00:15:00Z",
                            "to": "2026-01-01T00:30:00Z",
                            "intervals": 1,
                        }
                    ],
                }
            ],
        }
    ),
    "openapi_extra": _body(
        {
            "meter_ids": ["A000001"],
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-01-02T00:00:00Z",
            "rules": [{"rule": "interval-spike", "parameters": {"ratio": 4.0}}],
        }
    ),
}
EVENTS: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "meter_id": "A000001",
            "register": "1-0:1.8.0",
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-01-02T00:00:00Z",
            "events": [
                {
                    "at": "2026-01-01T00:00:07Z",
                    "interval_s": 0,
                    "value": 81250400,
                    "final": 81250400,
                    "quality": 0,
                    "revision": 0,
                },
                {
                    "at": "2026-01-01T00:15:07Z",
                    "interval_s": 900,
                    "value": 104,
                    "final": 104,
                    "quality": 14,
                    "revision": 0,
                },
            ],
            "source": "hot",
            "next_cursor": None,
        }
    )
}
REVISIONS: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "meter_id": "A000001",
            "register": "1-0:1.8.0",
            "from": "2026-01-01T00:00:00Z",
            "to": "2026-01-02T00:00:00Z",
            "revisions": [
                {
                    "at": "2026-01-01T00:15:00Z",
                    "interval_s": 900,
                    "value": 9104,
                    "quality": 14,
                    "acknowledged_at": "2026-01-01T00:30:02.250118Z",
                    "edge": "zone-3a",
                    "sequence": 1767227402250118,
                }
            ],
            "next_cursor": None,
        }
    )
}
_VIRTUAL: Final = {
    "meter_id": "NET-01",
    "registers": ["1-0:1.8.0"],
    "interval_s": 900,
    "formulas": [
        {
            "since": "2026-01-01T00:00:00Z",
            "terms": [
                {"meter_id": "A000001"},
                {"meter_id": "A000001", "register": "1-0:2.8.0", "weight": -1},
            ],
        }
    ],
}
REGISTER: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "created": 2,
            "unchanged": 0,
            "changed": 0,
            "rejected": 0,
            "version": 17,
            "meters": [
                {"meter_id": "A000001", "outcome": "created"},
                {"meter_id": "NET-01", "outcome": "created"},
            ],
        }
    ),
    "openapi_extra": _body({"meters": [_METER, _VIRTUAL]}),
}
METERS: Final[dict[str, Any]] = {
    "responses": _answer({"meters": [_HELD], "next_cursor": "A000001"})
}
METER: Final[dict[str, Any]] = {"responses": _answer(_HELD)}
DOWNLINK: Final[dict[str, Any]] = {"responses": _answer(_PAGE)}
DOWNLINK_VERSION: Final[dict[str, Any]] = {
    "responses": _answer({"version": 17, "incarnation": 1_792_000_000_000_000})
}
DOWNLINK_TAKE: Final[dict[str, Any]] = {
    "responses": _answer({"version": 17, "complete": True, "incarnation": 1_792_000_000_000_000}),
    "openapi_extra": _body(_PAGE),
}
