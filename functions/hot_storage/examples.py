"""What the OpenAPI document shows of each route: bodies and answers to copy from."""

from typing import Any, Final

import msgspec
from fastapi import Response

from functions.hot_storage.policy import HotPolicy
from functions.hot_storage.schema import Explanation, Run, RunAnswer, Status
from functions.runtime.problem import MEDIA_TYPE as PROBLEM_TYPE
from storage.model.recall import MEDIA_TYPE, MOST_BLOCKS

STATUS_SHOWN: Final[dict[str, Any]] = {
    "zone": "zone-2",
    "replication": "eager",
    "held_bytes": 8_204_160,
    "memory_limit_bytes": 2_147_483_648,
    "pressure": 0.0038,
    "dropped_through": "2026-01-31",
    "promoted_blocks": 3,
    "promoted_bytes": 1_410,
    "counted_blocks": 57,
    "newest_age_s": 4.102,
    "parent_reachable": True,
    "parent_error": None,
    "durability": "eager: a reading is acknowledged when this zone's store has it on disk, ...",
    "last_run": None,
}
EXPLANATION_SHOWN: Final[dict[str, Any]] = {
    "meter_id": "A000001",
    "register": "1-0:1.8.0",
    "day": "2026-01-01",
    "interval_s": 900,
    "tier": "hot",
    "decided_by": "read-often",
    "reasons": [
        {"name": "read-often", "tier": "hot", "says": "read keep_reads times or more"},
        {"name": "quiet", "tier": "cold", "says": "old, and hardly read"},
    ],
    "age_days": 61.4,
    "reads": 2.63,
    "pressure": 0.0038,
    "here": 96,
    "promoted": False,
    "record": {"values": 96, "covers": True, "open_exceptions": False},
    "record_error": None,
}
RUN_SHOWN: Final[dict[str, Any]] = {
    "dry_run": False,
    "days": 1,
    "hot": 12,
    "cold": 988,
    "dropped": 986,
    "dropped_bytes": 1_135_872,
    "decided": {"quiet": 988, "read-often": 12},
    "refused": {"open-exception": 2},
    "took_s": 0.412,
    "error": None,
}


def _answers(example: Any, kind: Any, what: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "200": {
            "description": what,
            "content": {"application/json": {"schema": _schema(kind), "example": example}},
        },
        "503": _problem("store-unavailable: the zone's Redis does not answer; try again"),
    }
    return {"openapi_extra": {"responses": described}, "response_class": Response}


def _schema(kind: Any) -> dict[str, Any]:
    """The kind's schema with everything that it refers to spelled out in its place."""
    (schema,), parts = msgspec.json.schema_components([kind])
    found: dict[str, Any] = _spelled_out(schema, parts)
    return found


def _spelled_out(schema: Any, parts: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _spelled_out(parts[schema["$ref"].rpartition("/")[2]], parts)
        return {name: _spelled_out(part, parts) for name, part in schema.items()}
    return [_spelled_out(part, parts) for part in schema] if isinstance(schema, list) else schema


def _problem(what: str) -> dict[str, Any]:
    return {"description": what, "content": {PROBLEM_TYPE: {"schema": {"type": "object"}}}}


def _of_blocks(what: str) -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        "openapi_extra": {
            "requestBody": {
                "required": True,
                "description": f"zstd of a MessagePack map: up to {MOST_BLOCKS} `blocks` and "
                "`events` of [meter_id, register, day, interval_s]; `record` for headquarters' own",
                "content": {MEDIA_TYPE: binary},
            },
            "responses": {
                "200": {"description": what, "content": {MEDIA_TYPE: binary}},
                "400": _problem("malformed-body: no question about blocks"),
                "503": _problem("parent-unreachable, too-many-recalls or store-unavailable"),
            },
        }
    }


RECALL: Final = _of_blocks("Blocks that exist, each with its zone, source and age")
PROOFS: Final = _of_blocks("A digest of each block, and why it should stay hot")
HISTORY: Final = _of_blocks("Versions of each block that do not count now")
READS: Final[dict[str, Any]] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "description": "MessagePack: a list of [meter_id, register, day, interval_s, reads]",
            "content": {"application/x-msgpack": {"schema": {"type": "string"}}},
        },
        "responses": {
            "204": {"description": "Counted"},
            "400": _problem("malformed-body: no list of reads"),
        },
    }
}
STATUS: Final = _answers(STATUS_SHOWN, Status, "The tiers of the tenant in this zone")
POLICY: Final = _answers(msgspec.to_builtins(HotPolicy()), HotPolicy, "The policy in force")
EXPLAIN: Final = _answers(EXPLANATION_SHOWN, Explanation, "Where the block is and why")
RUN: Final = _answers(RUN_SHOWN, RunAnswer, "What was found and done")
RUN["openapi_extra"]["requestBody"] = {
    "content": {"application/json": {"schema": _schema(Run), "example": {"dry_run": True}}}
}
