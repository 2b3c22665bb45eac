"""What the OpenAPI document shows of each route: bodies and answers to copy from."""

from typing import Any, Final

import msgspec
from fastapi import Response

from functions.cold_storage.schema import Explanation, Plan, Policy, Status
from functions.runtime.problem import MEDIA_TYPE as PROBLEM_TYPE
from storage.model.recall import MEDIA_TYPE, MOST_BLOCKS


def _problem(what: str) -> dict[str, Any]:
    return {"description": what, "content": {PROBLEM_TYPE: {"schema": {"type": "object"}}}}


def _of_blocks(what: str) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "description": f"zstd of a MessagePack map: up to {MOST_BLOCKS} `blocks` and "
                "`events` of [meter_id, register, day, interval_s]",
                "content": {MEDIA_TYPE: binary},
            },
            "responses": {
                "200": {"description": what, "content": {MEDIA_TYPE: binary}},
                "400": _problem("malformed-body: no question about blocks"),
                "403": _problem("forbidden: for the credential of a zone"),
                "503": _problem("store-unavailable: the record does not answer; try again"),
            },
        }
    }


RECALL: Final = _of_blocks("Blocks that exist, and how old the newest data is")
PROOFS: Final = _of_blocks("A digest of each block, and why it should stay hot")
HISTORY: Final = _of_blocks("Versions of each block that do not count now")
STATUS_SHOWN: Final[dict[str, Any]] = {
    "zone": "zone-1",
    "blocks": 31_000,
    "event_blocks": 1_000,
    "readings": 2_977_000,
    "block_bytes": 5_402_117,
    "oldest_day": "2026-01-01",
    "newest_day": "2026-01-31",
    "tail_entries": 12,
    "tail_oldest_s": 4.2,
    "archived_files": 0,
    "archived_readings": 0,
    "archived_bytes": 0,
    "newest_age_s": 1.318,
}
POLICY_SHOWN: Final[dict[str, Any]] = {
    "archive_after_days": 1_200,
    "erase_after_days": None,
    "legal_minimum_days": 1_100,
}
EXPLANATION_SHOWN: Final[dict[str, Any]] = {
    "meter_id": "A000001",
    "register": "1-0:1.8.0",
    "day": "2026-01-01",
    "interval_s": 900,
    "tiers": ["cold"],
    "values": 96,
    "revisions": 1,
    "archive_file": None,
    "why": "325 days old, archive_after_days is 1200",
}
PLAN_SHOWN: Final[dict[str, Any]] = {
    "dry_run": True,
    "plan": [
        {
            "action": "keep",
            "what": "record",
            "register": "1-0:1.8.0",
            "interval_s": 900,
            "month": "2026-01",
            "readings": 2_976_000,
            "size": 5_402_117,
            "reason": "294 days old, archive_after_days is 1200",
        }
    ],
}


def _answers(example: dict[str, Any], kind: Any, what: str) -> dict[str, Any]:
    (schema,), parts = msgspec.json.schema_components([kind])
    shown = {"schema": _spelled_out(schema, parts), "example": example}
    responses = {
        "200": {"description": what, "content": {"application/json": shown}},
        "503": _problem("store-unavailable: the record does not answer; try again"),
    }
    return {"openapi_extra": {"responses": responses}, "response_class": Response}


def _spelled_out(schema: Any, parts: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _spelled_out(parts[schema["$ref"].rpartition("/")[2]], parts)
        return {name: _spelled_out(part, parts) for name, part in schema.items()}
    return [_spelled_out(part, parts) for part in schema] if isinstance(schema, list) else schema


STATUS: Final = _answers(STATUS_SHOWN, Status, "The record by tier")
POLICY: Final = _answers(POLICY_SHOWN, Policy, "The retention in force")
EXPLAIN: Final = _answers(EXPLANATION_SHOWN, Explanation, "Where the day is")
RUN: Final = _answers(PLAN_SHOWN, Plan, "What would be archived and erased, and why")
