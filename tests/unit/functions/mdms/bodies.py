"""Bodies and a registry that the tests of mdms share."""

import json
from typing import Any

from storage.model.meter import Meter

IMPORT = "1-0:1.8.0"
DAY = 20_454  # 2026-01-01
MIDNIGHT = DAY * 86_400
NOW = MIDNIGHT + 30 * 86_400


def run(meter_id: str, values: list[Any], **changes: Any) -> dict[str, Any]:
    return {
        "meter_id": meter_id,
        "register": IMPORT,
        "start": "2026-01-01T00:00:00Z",
        "interval_s": 900,
        "values": values,
    } | changes


def instant(meter_ids: list[Any], values: list[Any], **changes: Any) -> dict[str, Any]:
    return {
        "at": "2026-01-01T00:00:00Z",
        "interval_s": 900,
        "register": IMPORT,
        "meter_ids": meter_ids,
        "values": values,
    } | changes


def reading(meter_id: str, value: Any, **changes: Any) -> dict[str, Any]:
    return {
        "meter_id": meter_id,
        "register": IMPORT,
        "at": "2026-01-01T00:00:00Z",
        "value": value,
    } | changes


def list_body(*readings: Any, **changes: Any) -> bytes:
    return json.dumps({"readings": readings} | changes).encode()


def body(*series: dict[str, Any]) -> bytes:
    return json.dumps({"series": series}).encode()


def meter(meter_id: str, *, version: int = 1, interval_s: int = 900) -> Meter:
    return Meter(meter_id=meter_id, registers=(IMPORT,), interval_s=interval_s, version=version)
