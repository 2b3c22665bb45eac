"""What the OpenAPI document shows of each route: bodies and answers to copy from."""

from typing import Any, Final

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
