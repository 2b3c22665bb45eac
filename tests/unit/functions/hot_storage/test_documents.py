"""The OpenAPI documents of both tiers: what they show can be read, and they refer to themselves."""

from typing import Any

import msgspec
import pytest
from fastapi import FastAPI

from functions.cold_storage import examples as cold
from functions.cold_storage import schema as cold_schema
from functions.cold_storage.app import create_app as create_cold
from functions.hot_storage import examples as hot
from functions.hot_storage import schema as hot_schema
from functions.hot_storage.app import create_app as create_hot
from functions.runtime.config import WorkerConfig

CONFIG = WorkerConfig(
    function="any",
    tenant="acme",
    zone="zone-2",
    tier=2,
    socket="",
    gateway_url="http://own",
    parent_url="http://parent",
    zone_credential="unused",
    redis_url="unix:///nowhere",
    database_url="postgresql://nobody@/nowhere",
)


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        (hot.STATUS_SHOWN, hot_schema.Status),
        (hot.EXPLANATION_SHOWN, hot_schema.Explanation),
        (hot.RUN_SHOWN, hot_schema.RunAnswer),
        (cold.STATUS_SHOWN, cold_schema.Status),
        (cold.POLICY_SHOWN, cold_schema.Policy),
        (cold.EXPLANATION_SHOWN, cold_schema.Explanation),
        (cold.PLAN_SHOWN, cold_schema.Plan),
    ],
)
def test_an_example_is_an_answer(shown: dict[str, Any], kind: Any) -> None:
    answer = msgspec.convert(shown, kind)

    assert msgspec.to_builtins(answer).keys() == shown.keys()


@pytest.mark.parametrize("create", [create_hot, create_cold], ids=["hot", "cold"])
def test_a_document_refers_to_what_it_has(create: Any) -> None:
    app: FastAPI = create(CONFIG)

    document = app.openapi()

    there = {
        f"#/components/{kind}/{name}"
        for kind, members in document.get("components", {}).items()
        for name in members
    }
    assert set(references(document)) <= there
    assert all(
        operation["summary"]
        and ("200" in operation["responses"] or "204" in operation["responses"])
        for path in document["paths"].values()
        for operation in path.values()
    )


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [one for value in node.values() for one in references(value)]
    if isinstance(node, list):
        return [one for value in node for one in references(value)]
    return []
