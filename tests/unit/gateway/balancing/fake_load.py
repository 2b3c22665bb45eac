"""A worker as policies see it."""

from dataclasses import dataclass


@dataclass
class FakeLoad:
    id: str
    in_flight: int = 0
    concurrency: int = 4


def loads(*counts: int, concurrency: int = 4) -> list[FakeLoad]:
    return [
        FakeLoad(id=f"w{place}", in_flight=count, concurrency=concurrency)
        for place, count in enumerate(counts)
    ]
