import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from storage.cold.pool import Pool
from storage.cold.registry import PostgresMeterRegistry, Registered
from storage.model.meter import Formula, Meter, Term

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def meter(meter_id: str = "M-1", *, feeder: str | None = "F-01", dials: int = 8) -> Meter:
    return Meter(
        meter_id=meter_id,
        registers=("1-0:1.8.0", "1-0:2.8.0"),
        interval_s=900,
        dials=dials,
        feeder=feeder,
        time_zone="Asia/Baghdad",
    )


@pytest.fixture
def registry(pool: Pool) -> PostgresMeterRegistry:
    return PostgresMeterRegistry(pool)


async def test_a_meter_is_created_then_unchanged_then_changed(
    registry: PostgresMeterRegistry,
) -> None:
    assert await registry.get("M-1") is None
    assert await registry.version() == 0

    assert await registry.register([meter()], now=NOW) == [Registered.CREATED]
    assert await registry.register([meter()], now=NOW) == [Registered.UNCHANGED]
    assert await registry.get("M-1") == msgspec.structs.replace(meter(), version=1)
    changed = meter(feeder=None)
    assert await registry.register([changed], now=NOW) == [Registered.CHANGED]

    assert await registry.get("M-1") == msgspec.structs.replace(changed, version=2)
    assert await registry.version() == 2
    assert await registry.page(limit=9) == [msgspec.structs.replace(changed, version=2)]


async def test_the_history_is_half_open_and_never_runs_backwards(
    registry: PostgresMeterRegistry,
) -> None:
    for dials, at in ((8, NOW), (7, NOW + timedelta(days=2)), (6, NOW + timedelta(days=1))):
        await registry.register([meter(dials=dials)], now=at)

    periods = await registry.history("M-1")

    later = NOW + timedelta(days=2)
    assert [(p.meter.dials, p.valid_from, p.valid_to) for p in periods] == [
        (8, NOW, later),
        (7, later, later),
        (6, later, None),
    ]
    assert await registry.history("M-2") == []


async def test_a_meter_named_twice_in_one_call_ends_as_the_last_says(
    registry: PostgresMeterRegistry,
) -> None:
    outcomes = await registry.register(
        [meter(), meter("M-2"), meter(dials=7), meter(dials=7)], now=NOW
    )

    assert outcomes == [
        Registered.CREATED,
        Registered.CREATED,
        Registered.CHANGED,
        Registered.UNCHANGED,
    ]
    found = await registry.get("M-1")
    assert found is not None
    assert (found.dials, found.version) == (7, 3)
    assert [period.meter.version for period in await registry.history("M-1")] == [1, 3]


async def test_changes_page_by_version_to_the_registrys_own(
    registry: PostgresMeterRegistry,
) -> None:
    await registry.register([meter(f"M-{n}") for n in range(5)], now=NOW)
    await registry.register([meter("M-1", dials=7)], now=NOW)

    seen: dict[str, Meter] = {}
    version, pages = 0, []
    for _ in range(4):
        changes, version, complete = await registry.changes(after=version, limit=2)
        pages.append((len(changes), complete))
        seen |= {each.meter_id: each for each in changes}

    assert pages == [(2, False), (2, False), (1, True), (0, True)]
    assert list(seen.values()) == sorted(
        await registry.page(limit=9), key=lambda each: each.version
    )
    assert (version, len(seen)) == (await registry.version(), 5) == (6, 5)


async def test_a_last_page_that_is_full_is_known_as_the_last(
    registry: PostgresMeterRegistry,
) -> None:
    await registry.register([meter(f"M-{n}") for n in range(4)], now=NOW)

    _, version, complete = await registry.changes(after=0, limit=2)
    assert not complete
    meters, version, complete = await registry.changes(after=version, limit=2)

    assert (len(meters), version, complete) == (2, 4, True)


async def test_concurrent_changes_get_distinct_versions_and_lose_none(
    registry: PostgresMeterRegistry,
) -> None:
    await asyncio.gather(
        *(
            registry.register(
                [meter(f"M-{n}", dials=5 + lap) for n in range(lap, lap + 5)], now=NOW
            )
            for lap in range(4)
        )
    )

    assert await registry.version() == 20
    names = [each.meter_id for each in await registry.page(limit=99)]
    periods = [period for name in names for period in await registry.history(name)]
    assert sorted(period.meter.version for period in periods) == list(range(1, 21))


async def test_pages_go_by_identifier(registry: PostgresMeterRegistry) -> None:
    await registry.register([meter(f"M-{n}") for n in (3, 1, 2)], now=NOW)

    first = await registry.page(limit=2)
    rest = await registry.page(limit=2, after=first[-1].meter_id)

    assert [each.meter_id for each in first + rest] == ["M-1", "M-2", "M-3"]


async def test_a_row_as_earlier_versions_wrote_it_is_the_same_meter(
    registry: PostgresMeterRegistry, pool: Pool
) -> None:
    every_field = msgspec.json.encode(meter(dials=7)).decode()
    assert '"service_point":null' in every_field
    await registry.register([meter("M-0")], now=NOW)
    await pool.execute(
        "INSERT INTO meters (meter_id, version, valid_from, record) VALUES ('M-1', 2, $1, $2)",
        NOW,
        every_field,
    )
    await pool.execute("UPDATE registry_position SET version = 2")

    assert await registry.get("M-1") == msgspec.structs.replace(meter(dials=7), version=2)
    assert await registry.register([meter(dials=7)], now=NOW) == [Registered.UNCHANGED]
    assert await registry.register([meter(dials=6)], now=NOW) == [Registered.CHANGED]
    assert [one.meter.dials for one in await registry.history("M-1")] == [7, 6]


@pytest.mark.parametrize("group", ["feeder", "transformer", "service_point"])
async def test_a_group_is_found_by_its_index(
    group: str, registry: PostgresMeterRegistry, pool: Pool
) -> None:
    await registry.register([meter()], now=NOW)
    async with pool.acquire() as connection, connection.transaction():
        # A table this small is read faster as a whole.
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch(
            f"EXPLAIN SELECT version, record FROM meters WHERE record->>'{group}' = $1"
            " ORDER BY meter_id LIMIT 10",
            "F-01",
        )

    assert f"meters_{group}" in str(plan)


async def test_groups_hold_the_meters_that_say_so_and_no_virtual_one(
    registry: PostgresMeterRegistry,
) -> None:
    def placed(name: str, feeder: str | None, transformer: str | None) -> Meter:
        return msgspec.structs.replace(
            meter(name, feeder=feeder), transformer=transformer, service_point=f"SP-{name[-1]}"
        )

    sums = Formula(since_s=0, terms=(Term(meter_id="M-1"),))
    virtual = msgspec.structs.replace(placed("V-1", "F-1", "T-1"), formulas=(sums,))
    meters = [
        placed("M-1", "F-1", "T-1"),
        placed("M-2", "F-1", "T-2"),
        placed("M-3", "F-2", "T-1"),
        placed("M-4", None, None),
        virtual,
    ]
    assert await registry.register(meters, now=NOW) == [Registered.CREATED] * 5

    async def names(**group: str) -> list[str]:
        return [one.meter_id for one in await registry.of_group(limit=9, **group)]

    assert await names(feeder="F-1") == ["M-1", "M-2"]
    assert await names(transformer="T-1") == ["M-1", "M-3"]
    assert await names(feeder="F-1", transformer="T-1") == ["M-1"]
    assert await names(feeder="F-3") == []
    assert await names() == ["M-1", "M-2", "M-3", "M-4"]
    assert [one.meter_id for one in await registry.of_group(limit=1, feeder="F-1")] == ["M-1"]
    found = await registry.at_service_point("SP-1", limit=9)
    assert [one.meter_id for one in found] == ["M-1", "V-1"]
