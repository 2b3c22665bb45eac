"""What the OpenAPI document shows of the desk's routes: answers and bodies to copy from."""

from typing import Any, Final

_ASKED: Final = {
    "from": "2026-01-05T00:00:00Z",
    "to": "2026-01-06T00:00:00Z",
    "register": "1-0:1.8.0",
}
_REASON: Final = "head-end was down; confirmed with the field office"
_METHOD: Final = {"method": "like-day-profile", "parameters": {"days": 3}}
_EXCEPTION: Final[dict[str, Any]] = {
    "exception_id": 4711,
    "meter_id": "A000001",
    "register": "1-0:1.8.0",
    "from": "2026-01-05T07:00:00Z",
    "to": "2026-01-05T07:30:00Z",
    "interval_s": 900,
    "intervals": 2,
    "rule": "interval-spike",
    "severity": "error",
    "iec_code": "3.6.3",
    "rule_group": "north",
    "group_version": 2,
    "zone": "zone-2",
    "found_at": "2026-01-05T08:00:04.120000Z",
    "opened_at": "2026-01-05T08:00:05.040000Z",
    "state": "open",
    "assignee": None,
    "decision": None,
    "reason": None,
    "decided_by": None,
    "decided_at": None,
}
_AUDIT: Final[dict[str, Any]] = {
    "audit_id": 90,
    "at": "2026-01-05T09:12:44.100000Z",
    "actor": "key-7",
    "role": "operator",
    "action": "edit-applied",
    "reason": _REASON,
    "exception_id": None,
    "edit_id": 12,
    "meter_id": "A000001",
    "register": "1-0:1.8.0",
    "from": "2026-01-05T07:00:00Z",
    "to": "2026-01-05T07:30:00Z",
    "detail": {
        "method": "manual",
        "exception_ids": [4711],
        "seen": [9100, 9050],
        "values": [310, 290],
    },
}
_EDIT: Final[dict[str, Any]] = {
    "edit_id": 12,
    "kind": "edit",
    "state": "applied",
    "meter_id": "A000001",
    "register": "1-0:1.8.0",
    "start": "2026-01-05T07:00:00Z",
    "interval_s": 900,
    "values": [310, 290],
    "quality": [7, 7],
    "seen": [9100, 9050],
    "method": "manual",
    "reason": _REASON,
    "editor": "key-7",
    "edited_at": "2026-01-05T09:12:44.100000Z",
    "exception_ids": [4711],
    "approval": "approved",
    "approver": "key-9",
    "approval_reason": "seen",
    "decided_at": "2026-01-05T09:30:00Z",
    "acknowledged_at": "2026-01-05T09:30:00.000120Z",
}


def _answer(example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}}}


def _body(example: Any) -> dict[str, Any]:
    return {
        "requestBody": {"required": True, "content": {"application/json": {"example": example}}}
    }


ESTIMATION_BODY: Final[dict[str, Any]] = {
    "feeder": "F-01",
    "from": "2026-01-05T00:00:00Z",
    "to": "2026-01-06T00:00:00Z",
    "methods": [{"method": "linear-interpolation", "parameters": {"longest_minutes": 60}}, _METHOD],
    "scale": True,
    "apply": False,
}
ESTIMATION: Final[dict[str, Any]] = {
    "openapi_extra": _body(ESTIMATION_BODY),
    "responses": _answer(
        _ASKED
        | {
            "source": "cold",
            "applied": False,
            "methods": [
                {
                    "method": "like-day-profile",
                    "quality": 8,
                    "parameters": {"days": 3, "at_least": 1, "reach_days": 28},
                }
            ],
            "counts": {"like-day-profile": 2, "left": 0},
            "meters": [
                {
                    "meter_id": "A000001",
                    "interval_s": 900,
                    "estimates": [
                        {
                            "from": "2026-01-05T07:00:00Z",
                            "to": "2026-01-05T07:30:00Z",
                            "intervals": 2,
                            "method": "like-day-profile",
                            "quality": 8,
                            "values": [312, 288],
                        }
                    ],
                    "left": [],
                    "boundaries": [
                        {
                            "from": "2026-01-05T00:00:00Z",
                            "to": "2026-01-06T00:00:00Z",
                            "intervals": 96,
                            "register_wh": 12_400,
                            "outcome": "scaled",
                        }
                    ],
                    "prolonged": [],
                }
            ],
        }
    ),
}
EXCEPTIONS: Final[dict[str, Any]] = {
    "responses": _answer({"exceptions": [_EXCEPTION], "next_cursor": None})
}
COUNTS: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "counts": [
                {"rule": "interval-spike", "severity": "error", "state": "open", "exceptions": 3}
            ]
        }
    )
}
EXCEPTION: Final[dict[str, Any]] = {"responses": _answer(_EXCEPTION | {"audit": [_AUDIT]})}
ASSIGNMENT_BODY: Final[dict[str, Any]] = {"exception_ids": [4711, 4712], "assignee": "ann"}
ASSIGNMENT: Final[dict[str, Any]] = {
    "openapi_extra": _body(ASSIGNMENT_BODY),
    "responses": _answer(
        {
            "counts": {"assigned": 1, "not-open": 1},
            "outcomes": [
                {"exception_id": 4711, "outcome": "assigned"},
                {"exception_id": 4712, "outcome": "not-open"},
            ],
        }
    ),
}
DECISION_BODY: Final[dict[str, Any]] = {
    "where": {"feeder": "F-01", "rule": "missing-interval", "from": "2026-01-05T00:00:00Z"},
    "decision": "estimate",
    "methods": [_METHOD],
    "reason": _REASON,
}
DECISION: Final[dict[str, Any]] = {
    "openapi_extra": _body(DECISION_BODY),
    "responses": _answer(
        {
            "counts": {"applied": 1, "not-filled": 1},
            "outcomes": [
                {"exception_id": 4711, "outcome": "applied", "edit_ids": [12]},
                {"exception_id": 4712, "outcome": "not-filled"},
            ],
        }
    ),
}
EDIT_BODY: Final[dict[str, Any]] = {
    "edits": [
        {
            "meter_id": "A000001",
            "register": "1-0:1.8.0",
            "start": "2026-01-05T07:00:00Z",
            "interval_s": 900,
            "values": [310, 290],
            "expected": [9100, 9050],
            "exception_ids": [4711],
        }
    ],
    "reason": _REASON,
}
EDIT: Final[dict[str, Any]] = {
    "openapi_extra": _body(EDIT_BODY),
    "responses": _answer({"edits": [{"meter_id": "A000001", "outcome": "applied", "edit_id": 12}]}),
}
EDITS: Final[dict[str, Any]] = {"responses": _answer({"edits": [_EDIT], "next_cursor": None})}
APPROVAL_BODY: Final[dict[str, Any]] = {
    "edit_ids": [12],
    "decision": "approve",
    "reason": "seen",
}
APPROVAL: Final[dict[str, Any]] = {
    "openapi_extra": _body(APPROVAL_BODY),
    "responses": _answer({"edits": [{"edit_id": 12, "outcome": "applied"}]}),
}
AUDIT: Final[dict[str, Any]] = {"responses": _answer({"audit": [_AUDIT], "next_cursor": None})}
HISTORY: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "meter_id": "A000001",
            "register": "1-0:1.8.0",
            "interval_s": 900,
            "from": "2026-01-05T07:00:00Z",
            "to": "2026-01-05T07:15:00Z",
            "intervals": [
                {
                    "at": "2026-01-05T07:00:00Z",
                    "metered": 9100,
                    "final": 310,
                    "quality": 7,
                    "versions": [
                        {
                            "value": 9100,
                            "quality": 0,
                            "standing": "metered",
                            "acknowledged_at": "2026-01-05T07:15:03.000210Z",
                            "edge": "zone-3a#1767225600000000",
                            "sequence": 1_767_597_303_000_210,
                        },
                        {
                            "value": 310,
                            "quality": 7,
                            "standing": "current",
                            "acknowledged_at": "2026-01-05T09:30:00.000120Z",
                            "edge": "zone-1#1767225600000000",
                            "sequence": 1_767_605_400_000_120,
                            "edit_id": 12,
                            "method": "manual",
                            "editor": "key-7",
                            "reason": _REASON,
                            "approver": "key-9",
                        },
                    ],
                }
            ],
            "next_cursor": None,
        }
    )
}
CONSUMPTION: Final[dict[str, Any]] = {
    "responses": _answer(
        _ASKED
        | {
            "source": "cold",
            "consumption_wh": 12_400,
            "exchanges": [],
            "meters": [
                {
                    "meter_id": "A000001",
                    "dials": 8,
                    "multiplier": 1,
                    "consumption_wh": 12_400,
                    "first_read_at": "2026-01-05T00:00:00Z",
                    "last_read_at": "2026-01-06T00:00:00Z",
                    "between_reads": [
                        {
                            "from": "2026-01-05T00:00:00Z",
                            "to": "2026-01-06T00:00:00Z",
                            "first_read": 99_995_000,
                            "last_read": 7_400,
                            "turn": "rolled-over",
                            "consumption_wh": 12_400,
                            "intervals_wh": 12_398,
                            "missing": 0,
                            "check": "pass",
                        }
                    ],
                }
            ],
        }
    )
}
REGISTER_ESTIMATES: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "meter_id": "A000001",
            "register": "1-0:1.8.0",
            "source": "cold",
            "reads": [
                {
                    "at": "2026-02-01T00:00:00Z",
                    "value": 81_250_400,
                    "quality": 8,
                    "read_at": "2026-01-31T06:00:07Z",
                    "method": "intervals",
                }
            ],
        }
    )
}
