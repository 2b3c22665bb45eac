"""Both sides of the ingest benchmark carry the same readings, and a bar is the lowest ratio."""

import itertools
import json
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from deploy.benchmarks.copy_peer import _ROW, ROWS_A_COMMIT, encode_rows
from deploy.benchmarks.ingest_bars import bars, medians
from deploy.benchmarks.step import SHAPES, Step, Streams
from meter_emulator.measured_bodies import Measured, measured_bodies

DAY_S = 86_400
HEADER_BYTES, TRAILER_BYTES = 19, 2


def read_series(body: dict[str, Any]) -> list[tuple[str, int, int]]:
    found = []
    for one in body["series"]:
        begin = int(datetime.fromisoformat(one.get("at") or one["start"]).timestamp())
        if "at" in one:
            places = [(meter, begin) for meter in one["meter_ids"]]
        else:
            places = [
                (one["meter_id"], begin + at * one["interval_s"])
                for at in range(len(one["values"]))
            ]
        found += [(*place, value) for place, value in zip(places, one["values"], strict=True)]
    return found


def read_list(body: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [
        (one["meter_id"], int(datetime.fromisoformat(one["at"]).timestamp()), one["value"])
        for one in body["readings"]
    ]


def read_rows(commits: list[bytes]) -> list[tuple[str, int, int]]:
    rows = np.concatenate(
        [np.frombuffer(one[HEADER_BYTES:-TRAILER_BYTES], dtype=_ROW) for one in commits]
    )
    at_s = rows["at"] // 1_000_000 + 946_684_800
    return list(
        zip(
            [f"B{meter:06}" for meter in rows["meter"].tolist()],
            at_s.tolist(),
            rows["value"].tolist(),
            strict=True,
        )
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["series", "list"])
@pytest.mark.parametrize("per_body", [100, 1_000])
def test_bodies_and_rows_carry_the_same_readings(shape: str, form: str, per_body: int) -> None:
    step = Step(shape=shape, meters=150, first_s=20_000 * DAY_S, skip=14_000, readings=13_000)
    load = Measured(
        form=form,
        shape=shape,
        meters=step.meters,
        first_s=step.first_s,
        skip=step.skip,
        readings=step.readings,
        per_body=per_body,
    )
    read = read_series if form == "series" else read_list
    bodies = [read(json.loads(body)) for body in measured_bodies(load)]
    commits = encode_rows(step)

    assert {len(body) for body in bodies} == {per_body}
    assert list(itertools.chain(*bodies)) == read_rows(commits)
    assert len(commits) == -(-step.readings // ROWS_A_COMMIT)


def test_a_live_body_names_one_instant_and_a_backfill_series_one_day() -> None:
    def series_of(shape: str) -> list[dict[str, Any]]:
        load = Measured(
            form="series",
            shape=shape,
            meters=1_000,
            first_s=20_000 * DAY_S,
            skip=0,
            readings=10_000,
            per_body=1_000,
        )
        return [one for body in measured_bodies(load) for one in json.loads(body)["series"]]

    assert [len(one["meter_ids"]) for one in series_of("live")] == [1_000] * 10
    # 104 whole days and the cuts where a body is full.
    assert {len(one["values"]) for one in series_of("backfill")} >= {96}
    assert max(len(one["values"]) for one in series_of("backfill")) == 96


def test_no_reading_is_sent_twice() -> None:
    streams = Streams(meters=100, now_s=20_000 * DAY_S)
    steps = [streams.take(shape, 7_000) for shape in SHAPES for _ in range(3)]
    sent = [row[:2] for step in steps for row in read_rows(encode_rows(step))]

    assert len(set(sent)) == len(sent) == 6 * 7_000


def rounds_of(*rates: tuple[int, int]) -> list[dict[str, Any]]:
    def figures(rate: int) -> dict[str, int]:
        return {"readings_per_second": rate, "readings_per_server_cpu_second": rate}

    return [
        {f"copy_{shape}": figures(1_000) for shape in SHAPES}
        | {f"series_{shape}_{size}": figures(900) for shape in SHAPES for size in (100, 1_000)}
        | {"series_live_100": figures(lowest), "series_backfill_1000": figures(other)}
        for lowest, other in rates
    ]


@pytest.mark.parametrize(
    ("rates", "value", "met"),
    [
        pytest.param([(400, 800), (500, 700), (900, 600)], 0.5, True, id="median_of_the_rounds"),
        pytest.param([(600, 499), (600, 499), (600, 900)], 0.499, False, id="lowest_counts"),
    ],
)
def test_a_bar_is_the_lowest_median_ratio(
    rates: list[tuple[int, int]], value: float, met: bool
) -> None:
    found = bars(rounds_of(*rates), forms=["series"])

    assert found["edge_series_vs_copy"]["value"] == value
    assert found["edge_series_vs_copy"]["met"] is met
    assert found["edge_series_vs_copy"]["target"] == 0.5


def test_medians_of_the_rates() -> None:
    found = medians(rounds_of((400, 800), (500, 700), (900, 600)))

    assert found["series_live_100"]["readings_per_second"] == 500
