"""Rule groups at headquarters, on their way down, and tried against those that hold."""

from typing import Any

import httpx
import pytest

from tests.integration.functions.readings import meter, run, send
from tests.integration.functions.zone import Zone

SPIKES: dict[str, Any] = {
    "group": "north",
    "applies_to": {"feeder": "F-01"},
    "rules": [{"rule": "interval-spike", "parameters": {"ratio": 4}, "severity": "warning"}],
}


async def post(zone: Zone, path: str, body: dict[str, Any]) -> httpx.Response:
    return await zone.client.post(f"/v1/mdms/{path}", json=body)


async def get(zone: Zone, path: str) -> Any:
    answered = await zone.client.get(f"/v1/mdms/{path}")
    assert answered.status_code == 200, answered.text
    return answered.json()


async def activated(zone: Zone, version: int, group: str = "north") -> Any:
    answered = await post(zone, f"rule-groups/{group}/activate", {"version": version})
    assert answered.status_code == 200, answered.text
    return answered.json()


async def pull(parent: Zone, child: Zone) -> dict[str, Any]:
    """One step of what the link does; return the page."""
    as_child = child.calls_as(child.name, tenant="acme")
    held = (await child.client.get("/v1/mdms/downlink/version", headers=as_child)).json()
    answered = await parent.client.get(
        "/v1/mdms/downlink",
        params={"after": held["version"], "incarnation": held["incarnation"]},
        headers=as_child,
    )
    page: dict[str, Any] = answered.json()
    if (page["incarnation"], page["version"]) > (held["incarnation"], held["version"]):
        taken = await child.client.post("/v1/mdms/downlink", json=page, headers=as_child)
        assert taken.status_code == 200, taken.text
    return page


async def test_a_version_never_changes_and_the_same_again_makes_none(headquarters: Zone) -> None:
    first = (await post(headquarters, "rule-groups", SPIKES)).json()
    again = (await post(headquarters, "rule-groups", SPIKES)).json()
    other = SPIKES | {"rules": [{"rule": "high-low"}], "reason": "tried"}
    second = (await post(headquarters, "rule-groups", other)).json()

    assert (first["version"], again["version"], second["version"]) == (1, 1, 2)
    # What a rule has by default today is a part of the version.
    assert first["rules"][0]["parameters"] == {"ratio": 4.0, "reach": 4, "floor_wh": 500}
    assert second["reason"] == "tried"
    assert await get(headquarters, "rule-groups/north/versions/1") == first
    held = await get(headquarters, "rule-groups/north")
    assert [one["version"] for one in held["versions"]] == [1, 2]
    listed = await get(headquarters, "rule-groups")
    assert [(one["group"], one["newest_version"]) for one in listed["groups"]] == [("north", 2)]
    assert listed["groups"][0]["active_version"] is None


async def test_what_holds_goes_down_the_zones_as_meters_do(
    headquarters: Zone, fog: Zone, edge: Zone
) -> None:
    await post(headquarters, "rule-groups", SPIKES)
    before = await get(headquarters, "active-rules")
    after = await activated(headquarters, 1)

    assert (before["version"], before["groups"]) == (0, [])
    assert before["otherwise"]["group"] == "built-in"
    assert [(one["group"], one["version"]) for one in after["groups"]] == [("north", 1)]
    for parent, child in ((headquarters, fog), (fog, edge)):
        page = await pull(parent, child)
        assert page["rules"]["version"] == after["version"]
        held = await get(child, "active-rules")
        assert {name: held[name] for name in after} == after
        # Nothing is newer: it is not carried again.
        assert (await pull(parent, child))["rules"] is None


async def test_an_older_page_does_not_bring_old_rules_back(headquarters: Zone, fog: Zone) -> None:
    await post(headquarters, "rule-groups", SPIKES)
    await activated(headquarters, 1)
    old = await pull(headquarters, fog)
    await post(headquarters, "rule-groups/north/deactivate", {"reason": "not yet"})
    await pull(headquarters, fog)
    as_fog = fog.calls_as(fog.name, tenant="acme")
    await fog.client.post("/v1/mdms/downlink", json=old, headers=as_fog)

    assert (await get(fog, "active-rules"))["groups"] == []
    log = (await get(headquarters, "rule-groups/north"))["activations"]
    assert [(one["version"], one["reason"]) for one in log] == [(1, None), (None, "not yet")]


async def test_activating_what_holds_changes_nothing(headquarters: Zone) -> None:
    await post(headquarters, "rule-groups", SPIKES)

    assert await activated(headquarters, 1) == await activated(headquarters, 1)


async def test_two_groups_are_not_for_the_same_meters(headquarters: Zone) -> None:
    for name in ("north", "south"):
        await post(headquarters, "rule-groups", SPIKES | {"group": name})
    await activated(headquarters, 1)
    refused = await post(headquarters, "rule-groups/south/activate", {"version": 1})

    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:gridfaas:problem:rule-group-conflict"
    assert refused.json()["group"] == "north"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("rule-groups", SPIKES | {"group": "North"}, 400, id="name"),
        pytest.param("rule-groups", SPIKES | {"group": "built-in"}, 400, id="reserved"),
        pytest.param("rule-groups", SPIKES | {"rules": [{"rule": "x"}]}, 400, id="rule"),
        pytest.param(
            "rule-groups", SPIKES | {"rules": SPIKES["rules"] * 2}, 400, id="a_rule_twice"
        ),
        pytest.param(
            "rule-groups",
            SPIKES | {"rules": [{"rule": "high-low", "severity": "grave"}]},
            400,
            id="severity",
        ),
        pytest.param(
            "rule-groups", SPIKES | {"fill": {"methods": ["a-guess"]}}, 400, id="fill_method"
        ),
        pytest.param(
            "rule-groups",
            SPIKES | {"applies_to": {"feeder": "F", "transformer": "T"}},
            400,
            id="both",
        ),
        pytest.param("rule-groups/north/activate", {"version": 1}, 404, id="unknown"),
        pytest.param("rule-groups/north/activate", {}, 400, id="no_version"),
        pytest.param("rule-groups/north/deactivate", {}, 404, id="unknown_to_end"),
    ],
)
async def test_what_is_refused(
    headquarters: Zone, path: str, body: dict[str, Any], status: int
) -> None:
    refused = await post(headquarters, path, body)

    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"


async def test_groups_are_made_at_headquarters_only(fog: Zone) -> None:
    refused = await post(fog, "rule-groups", SPIKES)

    assert refused.status_code == 404
    assert refused.json()["type"] == "urn:gridfaas:problem:not-in-this-zone"
    assert refused.json()["tiers"] == [1]


async def test_every_rule_is_listed_with_what_can_be_said_of_it(edge: Zone) -> None:
    rules = {one["rule"]: one for one in (await get(edge, "rules"))["rules"]}

    assert rules["unknown-meter"]["switchable"] is False
    assert rules["stale"]["parameters"] == {"days": 1_100}
    assert rules["sum-check"]["kind"] == "register"
    assert rules["interval-spike"]["iec_codes"] == ["3.6.3"]
    assert rules["unexpected-export"]["built_in"] is False


async def test_a_trial_shows_what_would_change(edge: Zone) -> None:
    as_edge = edge.calls_as(edge.name, tenant="acme")
    rules = {
        "version": 2,
        "groups": [
            {
                "group": "north",
                "version": 1,
                "applies_to": {"feeder": "F-01"},
                "rules": [{"rule": "high-low", "parameters": {"high_w": 450}}],
            }
        ],
    }
    meters = [meter("A", version=1, feeder="F-01"), meter("B", version=2)]
    page = {"after": 0, "version": 2, "complete": True, "meters": meters, "rules": rules}
    await edge.client.post("/v1/mdms/downlink", json=page, headers=as_edge)
    await send(edge, run("A", [100, 120, 100, 110]), run("B", [100, 120, 100, 110]))
    trial = {
        "meter_ids": ["A", "B"],
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-01-01T01:00:00Z",
        "rules": [{"rule": "high-low", "parameters": {"high_w": 430}}],
        "against": "active",
    }
    answer = (await post(edge, "validations", trial)).json()

    # A has a group of its own, by which only the second quarter is too high; B has the built-in.
    first, second = answer["meters"]
    assert [(one["from"], one["rule"]) for one in first["appear"]] == [
        ("2026-01-01T00:45:00Z", "high-low")
    ]
    assert first["disappear"] == []
    assert [one["from"][11:16] for one in second["appear"]] == ["00:15", "00:45"]
    assert answer["against"] == {"version": 2, "appear": {"high-low": 3}, "disappear": {}}
