"""The nation's benchmark over a lab of its own: few meters, a few seconds, every figure there."""

from deploy.benchmarks.nation import measure_nation

GROUPS = {
    "postgres",
    *(f"valkey-{zone}" for zone in ("zone-1", "zone-2", "zone-3a")),
    *(f"gateway-{zone}" for zone in ("zone-1", "zone-2", "zone-3a")),
    *(f"mdms-{zone}" for zone in ("zone-1", "zone-2", "zone-3a")),
}


class Steps:
    def __init__(self) -> None:
        self.told: list[str] = []

    def step(self, text: str) -> None:
        self.told.append(text)

    def progress(self, done: int, total: int) -> None:
        assert 0 <= done <= total


async def test_a_small_nation_is_registered_sent_and_counted() -> None:
    steps = Steps()

    found = await measure_nation(
        meters=2_000,
        sample=500,
        minutes=0.2,
        rate=400.0,
        per_body=50,
        connections=4,
        command="gridfaas bench nation",
        reporter=steps,
    )

    registration = found["registration"]
    assert set(registration["seconds"]) == {"zone-1", "zone-2", "zone-3a"}
    assert registration["bytes_a_meter"]["tables"]["meters"] > 0
    assert set(registration["bytes_a_meter"]["hot_stores"]) == {"zone-2", "zone-3a"}
    assert all(size > 0 for size in registration["bytes_a_meter"]["hot_stores"].values())
    assert [one["readings"] for one in found["sample"]] == [500, 500]
    steady = found["steady"]
    assert steady["readings"] == 4_800
    assert steady["delay_ms"]["p99"] >= steady["delay_ms"]["p50"] > 0
    assert set(steady["cpu_shares"]) >= GROUPS
    assert set(steady["memory"]) >= GROUPS
    assert {"uplink-zone-3a", "uplink-zone-2", "validation-zone-2", "tail-zone-1"} <= set(
        steady["queues"]
    )
    assert len(steady["samples"]) >= 2
    assert found["record"] == {
        "sent": 5_800,
        "acknowledged": 5_800,
        "found": 5_800,
        "distinct": 5_800,
    }
    assert found["bars"]["nation_exactly_once"]["met"]
    assert "counting the record: 5,800 readings" in steps.told
