import json

from storage.platform.functions.schema import SCHEMA_FILE, function_schema
from storage.platform.functions.spec import FunctionSpec


def test_the_file_is_what_the_code_takes() -> None:
    # python -m storage.platform.functions.schema writes it.
    assert SCHEMA_FILE.read_text() == function_schema()


def test_every_field_is_described_and_no_other_is_taken() -> None:
    described = json.loads(SCHEMA_FILE.read_text())["$defs"]["FunctionSpec"]

    assert set(described["properties"]) == set(FunctionSpec.__struct_fields__)
    assert described["required"] == ["name"]
    assert described["additionalProperties"] is False
