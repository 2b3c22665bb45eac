"""What the OpenAPI document shows of the routes of validation rules: to copy from."""

from typing import Any, Final

_RULE: Final = {
    "rule": "interval-spike",
    "parameters": {"ratio": 4.0, "reach": 4, "floor_wh": 500},
    "severity": None,
    "enabled": True,
}
_GROUP: Final = {
    "group": "north",
    "version": 2,
    "applies_to": {"feeder": "F-01", "transformer": None},
    "rules": [_RULE],
    "fill": {"after_s": 21_600, "methods": ["linear-interpolation"]},
}
_VERSION: Final = _GROUP | {
    "created_at": "2026-01-10T08:00:00Z",
    "created_by": "key-7",
    "reason": "fewer false spikes",
}
_ACTIVE: Final = {"version": 18, "groups": [_GROUP]}


def _answer(example: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": example}}}}


def _body(example: Any) -> dict[str, Any]:
    return {
        "requestBody": {"required": True, "content": {"application/json": {"example": example}}}
    }


RULES: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "rules": [
                {
                    "rule": "interval-spike",
                    "title": "Interval Spike Check",
                    "kind": "interval",
                    "switchable": True,
                    "tier": 2,
                    "severity": "error",
                    "quality": 10,
                    "iec_codes": ["3.6.3"],
                    "parameters": {"ratio": 3.0, "reach": 4, "floor_wh": 500},
                    "built_in": True,
                }
            ]
        }
    )
}
ACTIVE: Final[dict[str, Any]] = {
    "responses": _answer(
        _ACTIVE
        | {
            "otherwise": {
                "group": "built-in",
                "version": 0,
                "applies_to": {"feeder": None, "transformer": None},
                "rules": [_RULE | {"parameters": {}}],
                "fill": None,
            }
        }
    )
}
KEEP: Final[dict[str, Any]] = {
    "responses": _answer(_VERSION),
    "openapi_extra": _body(
        {
            "group": "north",
            "applies_to": {"feeder": "F-01"},
            "rules": [
                {"rule": "interval-spike", "parameters": {"ratio": 4}},
                {"rule": "missing-interval"},
                {"rule": "negative-consumption", "enabled": False},
            ],
            "fill": {"after_s": 21_600, "methods": ["linear-interpolation"]},
            "reason": "fewer false spikes",
        }
    ),
}
LIST: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "groups": [
                {
                    "group": "north",
                    "newest_version": 2,
                    "active_version": 1,
                    "active_since": "2026-01-09T08:00:00Z",
                }
            ],
            "next_cursor": None,
        }
    )
}
GROUP: Final[dict[str, Any]] = {
    "responses": _answer(
        {
            "group": "north",
            "versions": [_VERSION],
            "activations": [
                {
                    "version": 2,
                    "at": "2026-01-10T09:00:00Z",
                    "by": "key-7",
                    "reason": None,
                    "registry_version": 18,
                }
            ],
        }
    )
}
VERSION: Final[dict[str, Any]] = {"responses": _answer(_VERSION)}
ACTIVATE: Final[dict[str, Any]] = {
    "responses": _answer(_ACTIVE),
    "openapi_extra": _body({"version": 2, "reason": "tried on December"}),
}
DEACTIVATE: Final[dict[str, Any]] = {
    "responses": _answer({"version": 19, "groups": []}),
    "openapi_extra": _body({"reason": "back to the built-in rules"}),
}
