"""The JSON schema of function.yaml; run as a module to write it anew beside this file."""

import json
import re
from pathlib import Path
from typing import Any, Final

import msgspec

from storage.platform.functions.spec import FunctionSpec

SCHEMA_FILE: Final = Path(__file__).with_name("function.schema.json")


def function_schema() -> str:
    """Return the schema (draft 2020-12) of what `FunctionSpec` takes, as text."""
    schema = _flat(msgspec.json.schema(FunctionSpec))
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "function.yaml of a GridFaaS function",
    }
    return json.dumps({**head, **schema}, indent=2, ensure_ascii=False) + "\n"


def _flat(node: Any) -> Any:
    """Bring docstrings to one line; order and all else stay."""
    if isinstance(node, dict):
        return {
            key: re.sub(r"\s+", " ", value)
            if key == "description" and isinstance(value, str)
            else _flat(value)
            for key, value in node.items()
        }
    return [_flat(member) for member in node] if isinstance(node, list) else node


if __name__ == "__main__":
    SCHEMA_FILE.write_text(function_schema())
