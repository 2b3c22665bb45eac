"""The same readings in any form, order, duplication and splitting give the same blocks."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from functions.mdms.arrow_body import read_arrow
from functions.mdms.body_forms import BodyReader
from functions.mdms.csv_body import COLUMNS, read_csv
from functions.mdms.line_body import read_lines
from functions.mdms.readings_body import read_body
from tests.unit.functions.mdms.arrow_streams import stream_of
from tests.unit.functions.mdms.bodies import IMPORT, MIDNIGHT
from tests.unit.functions.mdms.first_hop import Hop

Reading = dict[str, Any]


def as_series(readings: list[Reading]) -> bytes:
    form = [
        {
            "at": one["at"],
            "register": IMPORT,
            "interval_s": one["interval_s"],
            "meter_ids": [one["meter_id"]],
            "values": [one["value"]],
            "quality": one["quality"],
        }
        for one in readings
    ]
    return json.dumps({"series": form}).encode()


def as_list(readings: list[Reading]) -> bytes:
    return json.dumps({"readings": readings}).encode()


def as_lines(readings: list[Reading]) -> bytes:
    return "\n".join(map(json.dumps, readings)).encode()


def as_csv(readings: list[Reading]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter=";")
    writer.writeheader()
    writer.writerows(readings)
    return text.getvalue().encode("utf-8-sig")


FORMS: list[tuple[Any, BodyReader]] = [
    (as_series, read_body),
    (as_list, read_body),
    (as_lines, read_lines),
    (as_csv, read_csv),
    (stream_of, read_arrow),
]


def reading(identity: tuple[str, int, int], fact: tuple[int, int]) -> Reading:
    meter_id, interval_s, step = identity
    # Steps of a third of a quarter hour: some lie on the grid, the others are events.
    second = MIDNIGHT + step * 300
    return {
        "meter_id": meter_id,
        "register": IMPORT,
        "at": datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z"),
        "value": fact[0],
        "interval_s": interval_s,
        "quality": fact[1],
    }


identities = st.tuples(st.sampled_from("ABC"), st.sampled_from([0, 900]), st.integers(0, 300))
facts = st.tuples(st.integers(0, 10**8 - 1), st.sampled_from([0, 8, 14]))


@st.composite
def sendings(draw: st.DrawFn) -> tuple[list[Reading], list[tuple[int, list[Reading]]]]:
    """Readings, and bodies of a form each that hold all of them, some more than once."""
    every = draw(st.dictionaries(identities, facts, min_size=1, max_size=25))
    readings = [reading(*one) for one in every.items()]
    again = draw(st.lists(st.sampled_from(readings), max_size=6))
    shuffled = draw(st.permutations(readings + again))
    cuts = sorted(draw(st.lists(st.integers(0, len(shuffled)), max_size=4)))
    pieces = [
        shuffled[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(shuffled)], strict=True)
    ]
    return readings, [(draw(st.integers(0, 4)), piece) for piece in pieces if piece]


async def blocks(bodies: list[tuple[int, list[Reading]]]) -> list[dict[int, int]]:
    hop = Hop()
    for form, readings in bodies:
        write, read = FORMS[form]
        answer = await hop.ingest.take(write(readings), read=read)
        assert answer.rejected == 0
    return [
        facts
        for meter_id in "ABC"
        for day in (20_454, 20_455)
        for facts in (
            await hop.stored(meter_id, day),
            await hop.events(meter_id, day=day),
            await hop.events(meter_id, interval_s=900, day=day),
        )
    ]


@given(sendings())
@settings(max_examples=40, deadline=None)
def test_the_form_the_order_and_the_splitting_leave_no_trace(
    sending: tuple[list[Reading], list[tuple[int, list[Reading]]]],
) -> None:
    readings, bodies = sending

    assert asyncio.run(blocks(bodies)) == asyncio.run(blocks([(0, readings)]))
