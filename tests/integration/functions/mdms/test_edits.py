"""Manual edits: they outrank what comes later, wait for a second pair of eyes, and are audited."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from storage.cold.walls import tenant_database_url
from tests.integration.functions.mdms.desk_calls import (
    BEFORE_US,
    FIRST_DAY,
    get,
    metered,
    post,
    post_raw,
)
from tests.integration.functions.readings import IMPORT, final_values, meter
from tests.integration.functions.zone import PASSWORD, TENANTS, Zone, open_zone

REASON = "the customer's own meter"


@pytest.fixture
async def zone(headquarters: Zone) -> Zone:
    await headquarters.client.post(
        "/v1/mdms/meters",
        json={
            "meters": [
                meter("A", service_point="SP-1"),
                meter("B", service_point="SP-1", dials=5),
            ]
        },
    )
    await metered(headquarters, "A", [10, 20, 30])
    return headquarters


@pytest.fixture
async def careful(zone: Zone, database_url: str) -> AsyncIterator[Zone]:
    """Headquarters of a tenant that wants edits approved."""
    urls = {one: tenant_database_url(database_url, one, PASSWORD) for one in TENANTS}
    async with AsyncExitStack() as stack:
        yield await open_zone(
            stack, name="zone-1", tier=1, database_urls=urls, settings={"approve_edits": True}
        )


def edit(values: list[int], **changes: Any) -> dict[str, Any]:
    return {
        "meter_id": "A",
        "start": "2026-01-01T00:00:00Z",
        "interval_s": 900,
        "values": values,
    } | changes


async def edited(zone: Zone, *edits: dict[str, Any], key: str = "ann") -> list[dict[str, Any]]:
    answer = await post(zone, "edits", {"edits": edits, "reason": REASON}, key=key)
    found: list[dict[str, Any]] = answer["edits"]
    return found


async def test_an_edit_stands_whatever_is_sent_later(zone: Zone) -> None:
    [done] = await edited(zone, edit([11, 21]))
    await metered(zone, "A", [12, 22, 32], sequence=BEFORE_US + 10**15)

    assert done["outcome"] == "applied"
    assert await final_values(zone, "A", count=3) == [11, 21, 32]
    [again] = await edited(zone, edit([11, 21]))
    assert again == {"meter_id": "A", "outcome": "unchanged", "edit_id": None}


async def test_the_history_shows_each_version_and_who_wrote_it(zone: Zone) -> None:
    [done] = await edited(zone, edit([11]))
    period = {"meter_id": "A", "from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:30:00Z"}

    answer = await get(zone, "history", **period)

    first, second = answer["intervals"]
    assert (first["metered"], first["final"], first["quality"]) == (10, 11, 7)
    assert (second["metered"], second["final"], len(second["versions"])) == (20, 20, 1)
    before, now = first["versions"]
    assert (before["value"], before["standing"], "editor" in before) == (10, "metered", False)
    assert (now["standing"], now["editor"], now["reason"], now["edit_id"], now["approver"]) == (
        "current",
        "key-ann",
        REASON,
        done["edit_id"],
        None,
    )
    page = await get(zone, "history", **period, limit=1)
    assert page["intervals"] == [first]
    rest = await get(zone, "history", **period, limit=1, cursor=page["next_cursor"])
    assert (rest["intervals"], rest["next_cursor"]) == ([second], None)


async def test_an_edit_over_values_that_changed_is_outdated(zone: Zone) -> None:
    [stale, good] = await edited(
        zone,
        edit([11, 21], expected=[10, 19]),
        edit([31, 41], start="2026-01-01T00:30:00Z", expected=[30, None]),
    )

    assert (stale["outcome"], stale["seen"], good["outcome"]) == ("outdated", [10, 20], "applied")
    assert await final_values(zone, "A", count=4) == [10, 20, 31, 41]


async def test_an_edit_waits_for_another_key(careful: Zone) -> None:
    [asked] = await edited(careful, edit([11]))
    number = asked["edit_id"]
    body = {"edit_ids": [number], "decision": "approve", "reason": "seen"}

    own = await post(careful, "edits/decisions", body)
    waiting = (await get(careful, "edits", state="pending"))["edits"]
    before = await final_values(careful, "A", count=1)
    approved = await post(careful, "edits/decisions", body, key="ben")

    assert asked["outcome"] == "pending"
    assert own["edits"] == [{"edit_id": number, "outcome": "own-edit"}]
    assert [one["edit_id"] for one in waiting] == [number]
    assert approved["edits"] == [{"edit_id": number, "outcome": "applied"}]
    assert (before, await final_values(careful, "A", count=1)) == ([10], [11])
    actions = [(row["action"], row["actor"]) for row in (await get(careful, "audit"))["audit"]]
    assert actions == [("edit-approved", "key-ben"), ("edit-requested", "key-ann")]


async def test_a_rejected_edit_changes_nothing(careful: Zone) -> None:
    [asked] = await edited(careful, edit([11]))
    body = {"edit_ids": [asked["edit_id"]], "decision": "reject", "reason": "no proof"}

    rejected = await post(careful, "edits/decisions", body, key="ben")

    assert rejected["edits"][0]["outcome"] == "rejected"
    assert await final_values(careful, "A", count=1) == [10]
    [kept] = (await get(careful, "edits", meter_id="A", state="rejected"))["edits"]
    assert (kept["approver"], kept["approval_reason"]) == ("key-ben", "no proof")


async def test_a_register_read_is_edited(zone: Zone) -> None:
    await metered(zone, "B", [99_000], second=7, sequence=BEFORE_US + 1)

    [done] = await edited(
        zone, edit([99_100], meter_id="B", start="2026-01-01T00:00:07Z", interval_s=0)
    )

    events = await get(
        zone,
        "events",
        meter_id="B",
        **{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"},
    )
    [event] = events["events"]
    assert done["outcome"] == "applied"
    assert (event["value"], event["final"], event["quality"]) == (99_000, 99_100, 7)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"meter_id": "X"}, "unknown-meter", id="unknown_meter"),
        pytest.param({"register": "1-0:2.8.0"}, "unknown-register", id="unknown_register"),
        pytest.param({"interval_s": 1_800}, "wrong-values", id="another_length"),
        pytest.param({"start": "2026-01-01T00:00:07Z"}, "wrong-values", id="off_the_grid"),
        pytest.param({"values": [-1]}, "wrong-values", id="negative"),
        pytest.param({"values": [1 << 31]}, "wrong-values", id="33_bits"),
        pytest.param({"values": [1 << 80], "interval_s": 0}, "wrong-values", id="81_bits"),
        pytest.param(
            {"meter_id": "B", "values": [100_000], "interval_s": 0}, "wrong-values", id="dials"
        ),
        pytest.param({"values": [1, 2], "interval_s": 0}, "wrong-values", id="two_reads"),
        pytest.param({"start": "2199-01-01T00:00:00Z"}, "wrong-values", id="future"),
        pytest.param({"start": "1969-12-31T00:00:00Z"}, "wrong-values", id="before_1970"),
    ],
)
async def test_an_edit_that_cannot_be_is_refused_by_itself(
    zone: Zone, changes: dict[str, Any], reason: str
) -> None:
    refused, good = await edited(zone, edit([5]) | changes, edit([11]))

    assert (refused["outcome"], refused["reason"]) == ("refused", reason)
    assert good["outcome"] == "applied"


async def test_an_edit_says_why(zone: Zone) -> None:
    answered = await post_raw(zone, "edits", {"edits": [edit([5])], "reason": ""})

    assert answered.status_code == 400
    assert answered.json()["type"] == "urn:gridfaas:problem:malformed-body"


async def test_registers_are_compared_with_the_intervals_between_their_reads(zone: Zone) -> None:
    # B replaced A at one o'clock, and rolls over; A's last quarter is missing.
    for second, value in ((0, 500), (2_711, 560), (3_600, 600)):
        await metered(zone, "A", [value], second=second, sequence=BEFORE_US + 10 + second)
    for second, value in ((3_600, 99_990), (5_400, 30), (7_200, 20)):
        await metered(zone, "B", [value], second=second, sequence=BEFORE_US + 10_000 + second)
    await metered(zone, "B", [15, 500], first_slot=4, sequence=BEFORE_US + 90_000)
    period = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}

    answer = await get(zone, "register-consumption", service_point="SP-1", **period)
    named = await get(zone, "register-consumption", meter_id=["A", "B"], **period)
    strict = await get(
        zone, "register-consumption", meter_id=["B"], tolerance_wh=1, tolerance_percent=0, **period
    )

    assert answer["consumption_wh"] == 100 + 40
    first, second = answer["meters"]
    said = ("turn", "consumption_wh", "intervals_wh", "missing", "check")
    assert [[part[name] for name in said] for part in first["between_reads"]] == [
        ["forward", 60, 60, 0, "pass"],
        ["forward", 40, 0, 1, "incomplete"],
    ]
    assert [[part[name] for name in said] for part in second["between_reads"]] == [
        ["rolled-over", 40, 515, 0, "fail"],
        ["backward", None, None, None, "backward"],
    ]
    assert answer["exchanges"] == [
        {
            "removed": "A",
            "last_read_at": "2026-01-01T01:00:00Z",
            "installed": "B",
            "first_read_at": "2026-01-01T01:00:00Z",
        }
    ]
    assert named == answer | {"exchanges": []}
    assert strict["meters"][0]["between_reads"][0]["check"] == "fail"
    assert {IMPORT} == {answer["register"]}
    assert FIRST_DAY * 86_400 == 1_767_225_600


async def test_values_are_seen_as_metered_as_they_count_or_side_by_side(zone: Zone) -> None:
    await edited(zone, edit([11, 21]))
    await edited(zone, edit([41], start="2026-01-01T00:45:00Z"))
    asked = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T01:00:00Z", "meter_id": "A"}
    lists = {
        "raw": {"values": [10, 20, 30, None]},
        "final": {"final": [11, 21, 30, 41], "quality": [7, 7, 0, 7], "revision": [1, 1, 0, 0]},
    }

    for view, expected in (lists | {"both": lists["raw"] | lists["final"]}).items():
        [one] = (await get(zone, "readings", **asked, view=view))["series"]
        many = asked | {"meter_id": ["A", "B"], "view": view}
        [of_many] = (await get(zone, "readings", **many))["meters"][0]["series"]
        place = {"start": "2026-01-01T00:00:00Z", "source": "cold", "zone": "zone-1"}
        assert one == place | expected
        assert of_many == place | expected | {"interval_s": 900}
    text = await zone.client.get(
        "/v1/mdms/readings", params=asked | {"view": "raw", "format": "csv"}
    )
    assert text.text.splitlines() == [
        "meter_id,register,at,interval_s,value",
        "A,1-0:1.8.0,2026-01-01T00:00:00Z,900,10",
        "A,1-0:1.8.0,2026-01-01T00:15:00Z,900,20",
        "A,1-0:1.8.0,2026-01-01T00:30:00Z,900,30",
    ]
    refused = await zone.client.get(
        "/v1/mdms/readings", params=asked | {"view": "raw", "resample": "3600"}
    )
    assert refused.status_code == 400


async def test_a_register_is_told_at_an_instant_when_nobody_read_it(zone: Zone) -> None:
    # A few seconds late, and over the last of five dials within the second quarter.
    await metered(zone, "B", [99_980], second=903, sequence=BEFORE_US + 1)
    await metered(zone, "B", [15, 25, 40], first_slot=1, sequence=BEFORE_US + 2)
    instants = [f"2026-01-01T{at}:00Z" for at in ("00:15", "00:30", "00:45", "01:15", "00:40")]

    answer = await get(zone, "register-estimates", meter_id="B", at=instants)
    read = await get(zone, "register-estimates", meter_id="B", at=["2026-01-01T00:15:03Z"])

    assert [(one["value"], one["quality"], one["method"]) for one in answer["reads"]] == [
        (None, None, "no-read"),
        (99_995, 8, "intervals"),
        (20, 8, "intervals"),
        (None, None, "missing-intervals"),
        (None, None, "off-grid"),
    ]
    assert [(one["value"], one["method"]) for one in read["reads"]] == [(99_980, "read")]
