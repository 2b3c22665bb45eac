"""A registry of many meters on its way down: in pages, packed, as large as the zone takes them."""

from contextlib import AsyncExitStack

import httpx

from tests.integration.functions.readings import eventually, hold_meters, meter
from tests.integration.functions.traffic_scheduling.links import StartLink
from tests.integration.functions.zone import Zone, open_zone, provision_hot


async def _names(zone: Zone) -> list[str]:
    answered = await zone.client.get("/v1/mdms/meters", params={"limit": 10_000})
    return [one["meter_id"] for one in answered.json()["meters"]]


async def _pages(link: httpx.AsyncClient) -> tuple[float, float]:
    """Pages that were taken in, and bytes that came down."""
    lines = [line.rpartition(" ") for line in (await link.get("/metrics")).text.splitlines()]
    pages = next(value for name, _, value in lines if "registry_pages_total{" in name)
    down = next(value for name, _, value in lines if 'link_bytes_total{direction="down"' in name)
    return float(pages), float(down)


async def test_pages_that_are_too_large_for_the_zone_become_smaller(
    opened: AsyncExitStack, fog: Zone, start_link: StartLink, redis_url: str
) -> None:
    names = [f"M-{number:03d}" for number in range(64)]
    await hold_meters(fog, *names)
    await provision_hot(redis_url)
    edge = await open_zone(
        opened,
        name="zone-3a",
        tier=3,
        redis_url=redis_url,
        # Some ten meters.
        settings={"max_body_bytes": 4_096},
    )
    await start_link(edge, fog, redis_url, registry_page=64)

    async def all_known() -> bool:
        return await _names(edge) == names

    await eventually(all_known)


async def test_many_meters_come_down_in_few_bytes(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str
) -> None:
    names = [f"M-{number:05d}" for number in range(6_000)]
    for begin in range(0, len(names), 2_000):
        page = {
            "after": begin,
            "version": begin + 2_000,
            "complete": begin + 2_000 == len(names),
            "meters": [
                meter(name, version=begin + at)
                for at, name in enumerate(names[begin : begin + 2_000], start=1)
            ],
            "incarnation": 7_000,
        }
        taken = await fog.client.post(
            "/v1/mdms/downlink", json=page, headers=fog.calls_as("zone-2", tenant="acme")
        )
        assert taken.status_code == 200, taken.text
    link = await start_link(edge, fog, redis_url, registry_page=2_500)

    async def all_known() -> bool:
        return await _names(edge) == names

    await eventually(all_known)
    pages, down = await _pages(link)
    assert pages == 3
    assert down / len(names) < 30


async def test_a_page_is_the_same_packed_or_not(fog: Zone) -> None:
    await hold_meters(fog, *(f"M-{number:03d}" for number in range(64)))
    call = fog.calls_as("zone-3a", tenant="acme")
    packed, refused, plain = [
        await fog.client.get(
            "/v1/mdms/downlink", params={"after": 0}, headers=call | {"Accept-Encoding": said}
        )
        for said in ("gzip, zstd", "zstd;q=0", "identity")
    ]

    assert packed.headers["content-encoding"] == "zstd"
    assert all("content-encoding" not in one.headers for one in (refused, plain))
    assert packed.json() == refused.json() == plain.json()


async def test_a_pull_that_was_broken_off_goes_on_where_it_was(
    edge: Zone, fog: Zone, start_link: StartLink, redis_url: str
) -> None:
    names = [f"M-{number:03d}" for number in range(100)]
    meters = [meter(name, version=at) for at, name in enumerate(names, start=1)]
    as_fog = fog.calls_as("zone-2", tenant="acme")
    as_edge = edge.calls_as("zone-3a", tenant="acme")
    whole = {"after": 0, "version": 100, "complete": True, "meters": meters, "incarnation": 7_000}
    part = whole | {"version": 60, "complete": False, "meters": meters[:60]}
    older = whole | {"version": 1, "meters": meters[:1], "incarnation": 6_000}
    await fog.client.post("/v1/mdms/downlink", json=whole, headers=as_fog)
    for page in (older, part):
        await edge.client.post("/v1/mdms/downlink", json=page, headers=as_edge)

    before = (await edge.client.get("/v1/mdms/downlink/version", headers=as_edge)).json()
    link = await start_link(edge, fog, redis_url, registry_page=10)

    async def all_known() -> bool:
        return await _names(edge) == names

    await eventually(all_known)
    after = (await edge.client.get("/v1/mdms/downlink/version", headers=as_edge)).json()
    assert before == {
        "incarnation": 6_000,
        "version": 1,
        "taken": {"incarnation": 7_000, "version": 60},
    }
    assert after == {"incarnation": 7_000, "version": 100}
    assert (await _pages(link))[0] == 4
