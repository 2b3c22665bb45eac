from typing import Any

import pytest

from gateway.interface import merge_documents
from storage.platform.functions.spec import FunctionSpec, Scopes

PLATFORM = {
    "openapi": "3.1.0",
    "info": {"title": "own", "version": "1"},
    "paths": {"/v1/platform/tenants": {"get": {}}},
    "components": {"schemas": {"Meter": {"title": "the platform's"}}},
}
REFERENCE = {"$ref": "#/components/schemas/Meter"}


def entry(name: str, *, tiers: tuple[int, ...] = (3,)) -> FunctionSpec:
    return FunctionSpec(
        name=name,
        tiers=list(tiers),
        route_prefix=f"/v1/{name}",
        scopes=Scopes(read=[f"{name}:read"], write=[f"{name}:write"]),
    )


def document(*paths: str) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "paths": {
            path: {
                "get": {"operationId": "read", "responses": {"200": {"schema": REFERENCE}}},
                "post": {"tags": ["inner"]},
                "parameters": [],
            }
            for path in paths
        },
        "components": {
            "schemas": {"Meter": {"title": "the function's", "properties": {"next": REFERENCE}}},
            "securitySchemes": {"mine": {}},
        },
    }


def merged(documents: dict[str, Any], *entries: FunctionSpec, tier: int = 3) -> dict[str, Any]:
    return merge_documents(
        zone="zone-3a", tier=tier, platform=PLATFORM, functions=entries, documents=documents
    )


def test_a_functions_components_do_not_meet_others_of_the_same_name() -> None:
    found = merged({"mdms": document("/v1/mdms/meters")}, entry("mdms"))

    schemas = found["components"]["schemas"]
    renamed = {"$ref": "#/components/schemas/mdms.Meter"}
    assert schemas["Meter"] == {"title": "the platform's"}
    assert schemas["mdms.Meter"]["properties"]["next"] == {
        "$ref": "#/components/schemas/mdms.Meter"
    }
    read = found["paths"]["/v1/mdms/meters"]["get"]
    assert read["responses"]["200"]["schema"] == renamed
    assert read["operationId"] == "mdms.read"
    assert "mine" not in found["components"]["securitySchemes"]


def test_operations_say_whose_they_are_and_which_scope_they_need() -> None:
    item = merged({"mdms": document("/v1/mdms")}, entry("mdms"))["paths"]["/v1/mdms"]

    assert (item["get"]["x-scopes"], item["post"]["x-scopes"]) == (["mdms:read"], ["mdms:write"])
    assert item["post"]["tags"] == ["mdms"]


@pytest.mark.parametrize("path", ["/v1/platform/tenants", "/v1/mdmsx", "/healthz", "/v1/other/a"])
def test_a_function_cannot_speak_for_others(path: str) -> None:
    found = merged({"mdms": document(path)}, entry("mdms"))

    assert found["paths"] == PLATFORM["paths"]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"paths": []}, id="paths_in_a_list"),
        pytest.param({"paths": {"/v1/odd": None}}, id="a_path_without_anything"),
        pytest.param({"paths": {"/v1/odd": {"get": "x"}}}, id="an_operation_that_is_text"),
        pytest.param({"paths": {}, "components": [1]}, id="components_in_a_list"),
        pytest.param({"paths": {}, "components": {"schemas": 1}}, id="schemas_that_are_a_number"),
        pytest.param({}, id="nothing"),
    ],
)
def test_an_odd_document_hides_no_other(odd: dict[str, Any]) -> None:
    found = merged({"odd": odd, "mdms": document("/v1/mdms")}, entry("odd"), entry("mdms"))

    assert "/v1/mdms" in found["paths"]


def test_functions_of_other_tiers_and_without_a_document() -> None:
    found = merged(
        {"far": document("/v1/far"), "odd": "no document"},
        entry("far", tiers=(1,)),
        entry("mute"),
        entry("odd"),
    )

    assert found["paths"] == PLATFORM["paths"]
    assert found["info"]["x-undescribed-functions"] == ["mute", "odd"]
