"""The ingest benchmark over its own zone and PostgreSQL: whole figures, every reading accepted."""

from deploy.benchmarks.ingest import compare_ingest


class Steps:
    def __init__(self) -> None:
        self.told: list[str] = []

    def step(self, text: str) -> None:
        self.told.append(text)

    def progress(self, done: int, total: int) -> None:
        raise AssertionError("nothing here counts readings")


async def test_a_round_of_series_beside_copy() -> None:
    steps = Steps()

    result = await compare_ingest(
        rounds=1,
        seconds=0.1,
        meters=1_000,
        connections=4,
        forms=["series"],
        command="gridfaas bench ingest",
        reporter=steps,
    )

    names = {"copy_unindexed", "copy_live", "copy_backfill"} | {
        f"series_{shape}_{size}" for shape in ("live", "backfill") for size in (100, 1_000)
    }
    assert set(result["rounds"][0]) == set(result["medians"]) == names
    for name, figures in result["rounds"][0].items():
        assert figures["readings"] >= 10_000
        assert figures["seconds"] > 0
        servers = {"postgres"} if name.startswith("copy") else {"gateway", "worker", "valkey"}
        assert set(figures["cpu_seconds"]) >= {"client", *servers}
    bar = result["bars"]["edge_series_vs_copy"]
    assert bar["met"] is (bar["value"] >= 0.5)
    assert bar["value"] == min(bar["ratios"].values())
    assert {"machine", "versions", "command"} <= set(result)
    assert steps.told[-1] == "round 1 of 1"
