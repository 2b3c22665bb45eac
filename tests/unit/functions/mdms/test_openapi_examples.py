"""The bodies that the OpenAPI document shows can be sent as they stand."""

from typing import Any

import msgspec
import pytest

from functions.mdms.body_examples import (
    CSV,
    LINES,
    LIST,
    LIST_ANSWER,
    SERIES,
    SERIES_ANSWER,
)
from functions.mdms.body_forms import FORMS, BodyReader
from functions.mdms.csv_body import read_csv
from functions.mdms.line_body import read_lines
from functions.mdms.openapi import raw_routes
from functions.mdms.reading_schema import ReadingsAnswer, SeriesAnswer
from functions.mdms.readings_body import read_body


@pytest.mark.parametrize("example", [SERIES, LIST], ids=["series", "list"])
def test_an_example_body_can_be_read(example: dict[str, Any]) -> None:
    arrivals = read_body(msgspec.json.encode(example["value"]), max_readings=100)

    assert len(arrivals) > 1
    assert not arrivals.fault.any()


@pytest.mark.parametrize(("example", "read"), [(LINES, read_lines), (CSV, read_csv)])
def test_an_example_of_text_can_be_read(example: dict[str, Any], read: BodyReader) -> None:
    arrivals = read(example["value"].encode(), max_readings=100)

    assert arrivals.run_interval_s.tolist() == [900, 0]
    assert not arrivals.fault.any()


def test_the_document_names_every_form_of_a_body() -> None:
    operation = raw_routes()["paths"]["/v1/mdms/readings"]["post"]

    assert set(operation["requestBody"]["content"]) == set(FORMS)


def test_example_answers_are_of_the_form_that_is_sent() -> None:
    for example, form in ((SERIES_ANSWER, ReadingsAnswer), (LIST_ANSWER, SeriesAnswer)):
        answer = msgspec.convert(example["value"], form)
        assert msgspec.to_builtins(answer) == example["value"]


def test_the_document_holds_what_it_refers_to() -> None:
    document = raw_routes()
    operation = document["paths"]["/v1/mdms/readings"]["post"]
    answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
    names = [one["$ref"].rpartition("/")[2] for one in answer["anyOf"]]

    assert names == ["ReadingsAnswer", "SeriesAnswer"]
    assert {*names, "Reading"} <= set(document["components"]["schemas"])
