import json
import pkgutil
from importlib import import_module

import pytest

import gateway
from gateway.forwarding.errors import ConnectFailed
from gateway.problems import PROBLEMS, UNFORESEEN, problem_body, problem_of
from gateway.refusal import Refusal


def every_refusal() -> list[type[Exception]]:
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    return sorted(Refusal.__subclasses__(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", every_refusal())
def test_every_refusal_has_its_row(kind: type[Exception]) -> None:
    assert kind in PROBLEMS


def test_a_row_of_its_own_wins_over_its_bases() -> None:
    assert problem_of(ConnectFailed("x")) == (503, "function-unavailable")


def test_an_error_without_a_row_is_unforeseen() -> None:
    assert problem_of(ZeroDivisionError()) == UNFORESEEN


def test_members_do_not_replace_the_standard_ones() -> None:
    body = problem_body(
        status=404, slug="not-found", detail="d", request_id="r", members={"status": 1, "zones": []}
    )

    assert json.loads(body) == {
        "type": "urn:gridfaas:problem:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "d",
        "request_id": "r",
        "zones": [],
    }
