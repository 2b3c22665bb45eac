"""Readings bodies and their answers to copy from, for the OpenAPI document."""

from typing import Any, Final

SERIES: Final[dict[str, Any]] = {
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
LIST: Final[dict[str, Any]] = {
    "summary": "A list: intervals where a length is said, else a register read",
    "value": {
        "interval_s": 900,
        "readings": [
            {
                "meter_id": "A000001",
                "register": "1-0:1.8.0",
                "at": "2026-01-01T00:15:00Z",
                "value": 104,
                "quality": 14,
            },
            {
                "meter_id": "A000001",
                "register": "1-0:1.8.0",
                "at": "2026-01-01T06:00:07Z",
                "value": 81250400,
                "interval_s": 0,
            },
        ],
    },
}
LINES: Final[dict[str, Any]] = {
    "summary": "A reading a line",
    "value": (
        '{"meter_id": "A000001", "register": "1-0:1.8.0", "at": "2026-01-01T00:15:00Z", '
        '"value": 104, "interval_s": 900, "quality": 14}\n'
        '{"meter_id": "A000001", "register": "1-0:1.8.0", "at": "2026-01-01T06:00:07Z", '
        '"value": 81250400}\n'
    ),
}
CSV: Final[dict[str, Any]] = {
    "summary": "A reading a row; the last two columns may be empty or missing",
    "value": (
        "meter_id,register,at,value,interval_s,quality\n"
        "A000001,1-0:1.8.0,2026-01-01T00:15:00Z,104,900,14\n"
        "A000001,1-0:1.8.0,2026-01-01T06:00:07Z,81250400,,\n"
    ),
}
SERIES_ANSWER: Final[dict[str, Any]] = {
    "summary": "The answer to series",
    "value": {
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
    },
}
LIST_ANSWER: Final[dict[str, Any]] = {
    "summary": "The answer to a list",
    "value": {
        "accepted": 1,
        "duplicate": 0,
        "corrected": 1,
        "rejected": 0,
        "outcomes": [
            {"from": 0, "count": 1, "outcome": "corrected"},
            {"from": 1, "count": 1, "outcome": "accepted"},
        ],
    },
}
