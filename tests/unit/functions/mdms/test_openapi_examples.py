"""The bodies that the OpenAPI document shows can be sent as they stand."""

from typing import Any

import msgspec
import pytest

from functions.mdms.body_examples import LIST, LIST_ANSWER, SERIES, SERIES_ANSWER
from functions.mdms.openapi import raw_routes
from functions.mdms.readings_body import read_body
from functions.mdms.schema import ReadingsAnswer, SeriesAnswer


@pytest.mark.parametrize("example", [SERIES, LIST], ids=["series", "list"])
def test_an_example_body_can_be_read(example: dict[str, Any]) -> None:
    arrivals = read_body(msgspec.json.encode(example["value"]), max_readings=100)

    assert len(arrivals) > 1
    assert not arrivals.fault.any()


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
