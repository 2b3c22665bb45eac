"""Places that a worker has forgotten are asked for again, and are the same."""

import asyncio

from storage.hot.connection import connect
from storage.hot.library import install
from storage.hot.places import NO_PLACE, SeriesPlaces
from tests.contract.hot_readings import REGISTER, Run, batch_of

METERS = [f"M-{number:03}" for number in range(60)]
EXPORT = "1-0:2.8.0"


async def test_a_worker_that_remembers_few_goes_by_the_same_places(redis_url: str) -> None:
    await install(redis_url)
    connection = connect(redis_url)
    try:
        everything = SeriesPlaces(connection, slug="acme")
        few = SeriesPlaces(connection, slug="acme", most_known=7)
        batches = [
            batch_of(*(Run(values=[1], meter_id=meter, register=register) for meter in some))
            for register in (REGISTER, EXPORT)
            for some in (METERS[:25], METERS[10:40], METERS[20:])
        ]
        given = await asyncio.gather(*(few.of_batch(batch) for batch in batches))
        series = [(meter, register) for register in (REGISTER, EXPORT) for meter in METERS]
        found = await everything.find(series)
        again = await few.find(series)

        assert sorted(found.places[:60]) == sorted(found.places[60:]) == list(range(60))
        assert again.places.tolist() == found.places.tolist()
        place = dict(zip(series, found.places.tolist(), strict=True))
        for batch, placed in zip(batches, given, strict=True):
            names = [(batch.meters[at], batch.registers[0]) for at in batch.run_meter.tolist()]
            assert placed.places.tolist() == [place[name] for name in names]
        unknown = await few.of_meters(["nobody", *METERS[:3]], REGISTER)
        assert unknown.places.tolist() == [NO_PLACE, *found.places[:3].tolist()]
    finally:
        await connection.aclose()
