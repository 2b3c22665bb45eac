"""The exceptions queue: filters and cursors, assignment, bulk decisions, and what closes itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from storage.cold.desk import PostgresDesk
from storage.cold.pool import open_pool
from storage.cold.walls import tenant_database_url
from tests.integration.functions.mdms.desk_calls import (
    BEFORE_US,
    FIRST_DAY,
    get,
    metered,
    post,
    post_raw,
)
from tests.integration.functions.readings import eventually, final_values, meter
from tests.integration.functions.zone import PASSWORD, Zone
from tests.integration.storage.cold.test_exceptions import Finding

GAP = Finding(
    rule="missing-interval",
    iec_code="3.5.259",
    day=FIRST_DAY,
    first_slot=2,
    count=2,
    found_at=BEFORE_US,
)
SPIKE = Finding(day=FIRST_DAY, first_slot=5, count=1, found_at=BEFORE_US)


@pytest.fixture
async def desk(headquarters: Zone, database_url: str) -> AsyncIterator[PostgresDesk]:
    """What zone 2's findings reach at headquarters."""
    meters = [meter("A", feeder="F-01"), meter("B", feeder="F-02"), meter("C", feeder="F-01")]
    await headquarters.client.post("/v1/mdms/meters", json={"meters": meters})
    async with open_pool(tenant_database_url(database_url, "acme", PASSWORD)) as pool:
        yield PostgresDesk(pool, zone="zone-1")


async def listed(zone: Zone, **asked: Any) -> list[tuple[str, str]]:
    found = await get(zone, "exceptions", **asked)
    return [(one["meter_id"], one["rule"]) for one in found["exceptions"]]


async def numbers(zone: Zone, **asked: Any) -> list[int]:
    found = await get(zone, "exceptions", **asked)
    return [one["exception_id"] for one in found["exceptions"]]


def outcomes(answer: dict[str, Any]) -> list[str]:
    return [one["outcome"] for one in answer["outcomes"]]


async def test_the_queue_is_filtered(headquarters: Zone, desk: PostgresDesk) -> None:
    warning = replace(SPIKE, meter_id="B", severity="warning", day=FIRST_DAY + 1)
    read = replace(SPIKE, meter_id="C", interval_s=0, first_slot=21_607, rule="backward-dial")
    await desk.raise_exceptions([GAP, SPIKE, warning, read])

    gap, spike = ("A", "missing-interval"), ("A", "interval-spike")
    assert await listed(headquarters) == [gap, spike, ("B", "interval-spike"), ("C", read.rule)]
    assert await listed(headquarters, meter_id="A") == [gap, spike]
    assert await listed(headquarters, feeder="F-01") == [gap, spike, ("C", read.rule)]
    assert await listed(headquarters, rule="interval-spike", severity="error") == [spike]
    assert await listed(headquarters, state="closed") == []
    period = {"from": "2026-01-01T00:45:00Z", "to": "2026-01-01T01:15:00Z"}
    assert await listed(headquarters, **period) == [gap]
    at_the_read = {"from": "2026-01-01T06:00:07Z", "to": "2026-01-01T06:00:08Z"}
    assert await listed(headquarters, **at_the_read) == [("C", read.rule)]
    counts = (await get(headquarters, "exceptions/counts", meter_id="A"))["counts"]
    assert [(one["rule"], one["exceptions"]) for one in counts] == [
        ("interval-spike", 1),
        ("missing-interval", 1),
    ]


async def test_the_queue_comes_page_by_page(headquarters: Zone, desk: PostgresDesk) -> None:
    await desk.raise_exceptions([replace(GAP, first_slot=slot, count=1) for slot in range(5)])

    found: list[str] = []
    page = await get(headquarters, "exceptions", limit=2)
    while page["next_cursor"] is not None:
        found += [one["from"] for one in page["exceptions"]]
        page = await get(headquarters, "exceptions", limit=2, cursor=page["next_cursor"])

    assert [*found, *(one["from"] for one in page["exceptions"])] == [
        f"2026-01-01T0{slot // 4}:{slot % 4 * 15:02}:00Z" for slot in range(5)
    ]


async def test_exceptions_are_assigned_and_given_back(
    headquarters: Zone, desk: PostgresDesk
) -> None:
    await desk.raise_exceptions([GAP, SPIKE])
    gap, spike = await numbers(headquarters)
    await post(headquarters, "exceptions/assignments", {"exception_ids": [gap], "assignee": "ben"})

    assert await numbers(headquarters, assignee="ben") == [gap]
    assert await numbers(headquarters, assignee="") == [spike]
    answer = await post(
        headquarters,
        "exceptions/assignments",
        {"where": {"meter_id": "A"}, "assignee": None},
    )
    assert answer["counts"] == {"assigned": 2}
    assert await numbers(headquarters, assignee="") == [gap, spike]
    one = await get(headquarters, f"exceptions/{gap}")
    assert [row["detail"] for row in one["audit"]] == [{"assignee": None}, {"assignee": "ben"}]


async def test_many_are_accepted_or_dismissed_in_one_call(
    headquarters: Zone, desk: PostgresDesk
) -> None:
    await metered(headquarters, "A", [10] * 5 + [900, 10])
    await desk.raise_exceptions([SPIKE, replace(SPIKE, meter_id="C"), replace(SPIKE, meter_id="B")])
    body = {"where": {"feeder": "F-01"}, "decision": "accept", "reason": "a wedding"}

    answer = await post(headquarters, "exceptions/decisions", body)
    again = await post(headquarters, "exceptions/decisions", body)

    assert (answer["counts"], again["counts"]) == ({"closed": 2}, {})
    assert await listed(headquarters) == [("B", "interval-spike")]
    [closed, _] = (await get(headquarters, "exceptions", state="closed"))["exceptions"]
    assert (closed["decision"], closed["reason"], closed["decided_by"]) == (
        "accepted",
        "a wedding",
        "key-ann",
    )
    assert (await final_values(headquarters, "A", count=6))[5] == 900
    ids = {"exception_ids": [closed["exception_id"], 999], "decision": "dismiss", "reason": "x"}
    late = await post(headquarters, "exceptions/decisions", ids)
    assert outcomes(late) == ["not-open", "not-found"]


async def test_gaps_are_estimated_in_bulk_and_each_has_its_outcome(
    headquarters: Zone, desk: PostgresDesk
) -> None:
    await metered(headquarters, "A", [10, 20])
    await metered(headquarters, "A", [50, 50, 60], first_slot=4, sequence=BEFORE_US + 1)
    await desk.raise_exceptions(
        [
            GAP,
            replace(GAP, meter_id="B"),
            replace(SPIKE, first_slot=4),
            replace(GAP, meter_id="X"),
            replace(SPIKE, interval_s=0),
        ]
    )
    body = {
        "exception_ids": await numbers(headquarters),
        "decision": "estimate",
        "reason": "radio was down",
    }

    answer = await post(headquarters, "exceptions/decisions", body)

    assert outcomes(answer) == [
        "not-intervals",
        "applied",
        "has-values",
        "not-filled",
        "unknown-meter",
    ]
    assert await final_values(headquarters, "A", count=5) == [10, 20, 30, 40, 50]
    [closed] = (await get(headquarters, "exceptions", state="closed"))["exceptions"]
    assert (closed["decision"], closed["rule"]) == ("estimated", "missing-interval")


async def test_exceptions_of_a_day_are_estimated_each_by_itself(
    headquarters: Zone, desk: PostgresDesk
) -> None:
    await metered(headquarters, "A", [10, 20])
    await metered(headquarters, "A", [50], first_slot=4, sequence=BEFORE_US + 1)
    await metered(headquarters, "A", [70], first_slot=6, sequence=BEFORE_US + 2)
    late = replace(GAP, first_slot=5, count=1)
    endless = replace(GAP, first_slot=7, count=2)
    await desk.raise_exceptions([GAP, late, endless])
    where = {"decision": "estimate", "where": {"meter_id": "A"}, "reason": "radio was down"}

    answer = await post(headquarters, "exceptions/decisions", where)

    assert outcomes(answer) == ["applied", "applied", "not-filled"]
    assert await final_values(headquarters, "A", count=9) == [
        *range(10, 80, 10),
        None,
        None,
    ]
    kept = (await get(headquarters, "edits"))["edits"]
    assert [(one["start"], one["values"]) for one in kept] == [
        ("2026-01-01T00:30:00Z", [30, 40]),
        ("2026-01-01T01:15:00Z", [60]),
    ]


async def test_a_suspect_value_is_edited_by_hand_or_by_a_method(
    headquarters: Zone, desk: PostgresDesk
) -> None:
    await metered(headquarters, "A", [10, 20, 30, 40, 50, 9_000, 70])
    await metered(headquarters, "C", [10, 20, 30, 40, 50, 9_000, 70], sequence=BEFORE_US + 1)
    await desk.raise_exceptions([SPIKE, replace(SPIKE, meter_id="C")])
    first, second = await numbers(headquarters)

    by_method = {"decision": "edit", "exception_ids": [first], "reason": "not possible"}
    estimated = await post(headquarters, "exceptions/decisions", by_method)
    by_hand = by_method | {"exception_ids": [second], "values": [61]}
    edited = await post(headquarters, "exceptions/decisions", by_hand)

    assert outcomes(estimated) == outcomes(edited) == ["applied"]
    assert (await final_values(headquarters, "A", count=6))[5] == 60
    assert (await final_values(headquarters, "C", count=6))[5] == 61
    kept = (await get(headquarters, "edits"))["edits"]
    assert [(one["kind"], one["method"], one["seen"], one["quality"]) for one in kept] == [
        ("edit", "linear-interpolation", [9_000], [7]),
        ("edit", "manual", [9_000], [7]),
    ]


async def test_a_gap_closes_itself_once_its_actual_values_are_there(
    headquarters: Zone, desk: PostgresDesk
) -> None:
    other = replace(GAP, meter_id="B")
    await desk.raise_exceptions([GAP, other])
    await metered(headquarters, "A", [30, 40], first_slot=2, sequence=BEFORE_US - 5)

    async def settled() -> bool:
        return await listed(headquarters) == [("B", "missing-interval")]

    await eventually(settled)
    [closed] = (await get(headquarters, "exceptions", state="closed"))["exceptions"]
    assert (closed["decision"], closed["reason"]) == ("settled", "actual-value")
    assert closed["decided_by"] == "gridfaas"


async def test_the_queue_is_at_headquarters(fog: Zone) -> None:
    for path in ("exceptions", "exceptions/counts", "exceptions/1", "edits", "audit"):
        answered = await fog.client.get(f"/v1/mdms/{path}")
        assert (answered.status_code, answered.json()["tiers"]) == (404, [1]), path


@pytest.mark.parametrize(
    ("path", "body", "slug"),
    [
        pytest.param(
            "exceptions/decisions",
            {"decision": "accept", "exception_ids": [1]},
            "malformed-body",
            id="no_reason",
        ),
        pytest.param(
            "exceptions/decisions",
            {"decision": "accept", "reason": "x", "where": {}},
            "malformed-request",
            id="where_says_nothing",
        ),
        pytest.param(
            "exceptions/decisions",
            {"decision": "accept", "reason": "x"},
            "malformed-request",
            id="which",
        ),
        pytest.param(
            "exceptions/decisions",
            {"decision": "accept", "reason": "nul \x00", "exception_ids": [1]},
            "malformed-body",
            id="nul",
        ),
        pytest.param(
            "exceptions/decisions",
            {"decision": "estimate", "reason": "x", "exception_ids": [1], "values": [1]},
            "malformed-body",
            id="values_of_an_estimate",
        ),
        pytest.param(
            "exceptions/assignments",
            {"exception_ids": [1]},
            "malformed-body",
            id="no_assignee",
        ),
        pytest.param(
            "exceptions/assignments",
            {"exception_ids": [1 << 70], "assignee": "ben"},
            "malformed-body",
            id="no_number",
        ),
    ],
)
async def test_what_cannot_be_decided(
    headquarters: Zone, path: str, body: dict[str, Any], slug: str
) -> None:
    answered = await post_raw(headquarters, path, body)

    assert answered.status_code == 400, answered.text
    assert answered.json()["type"] == f"urn:gridfaas:problem:{slug}"


async def test_no_such_exception(headquarters: Zone) -> None:
    answered = await headquarters.client.get("/v1/mdms/exceptions/7")

    assert answered.status_code == 404
    assert answered.json()["type"] == "urn:gridfaas:problem:unknown-exception"


async def test_what_waits_is_counted(headquarters: Zone, desk: PostgresDesk) -> None:
    await desk.raise_exceptions([GAP, SPIKE])

    async def shown() -> bool:
        metrics = (await headquarters.client.get("/metrics")).text
        labels = '{tenant="acme",zone="zone-1"}'
        return (
            f"gridfaas_mdms_exceptions_open{labels} 2.0" in metrics
            and f"gridfaas_mdms_edits_pending{labels} 0.0" in metrics
        )

    await eventually(shown)
