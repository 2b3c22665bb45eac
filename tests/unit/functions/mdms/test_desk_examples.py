"""The bodies that the OpenAPI document shows of the desk's routes can be sent as they stand."""

from typing import Any

import msgspec
import pytest

from functions.mdms import desk_examples
from functions.mdms.edit_form import EditDecisionBody, EditsBody
from functions.mdms.estimation_form import EstimationBody, methods_of
from functions.mdms.exception_form import AssignmentBody, DecisionBody


@pytest.mark.parametrize(
    ("example", "form"),
    [
        pytest.param(desk_examples.ESTIMATION_BODY, EstimationBody, id="estimation"),
        pytest.param(desk_examples.ASSIGNMENT_BODY, AssignmentBody, id="assignment"),
        pytest.param(desk_examples.DECISION_BODY, DecisionBody, id="decision"),
        pytest.param(desk_examples.EDIT_BODY, EditsBody, id="edit"),
        pytest.param(desk_examples.APPROVAL_BODY, EditDecisionBody, id="approval"),
    ],
)
def test_an_example_body_is_one(example: dict[str, Any], form: type) -> None:
    read = msgspec.json.decode(msgspec.json.encode(example), type=form)

    methods = getattr(read, "methods", None)
    assert methods is None or len(methods_of(methods)) == len(methods)
