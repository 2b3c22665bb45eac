"""What virtual meters are made of, and the blocks that come of it."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from functions.mdms.examples import REGISTER
from functions.mdms.meter_form import read_form
from functions.mdms.provenance import Origin, Provenance
from functions.mdms.virtual_meters import MOST_DEEP, PartBook, TooManyParts
from functions.mdms.virtual_reading import DERIVED, VirtualReader
from storage.model.block import PRESENT, SLOT, BlockKey
from storage.model.event_block import EventKey
from storage.model.meter import EarlierLength, Formula, Meter, Term

ENERGY, POWER = "1-0:1.8.0", "1-0:1.7.0"
DAY = 20_454
DAY_S = 86_400


def real(name: str, interval_s: int = 21_600, **more: object) -> Meter:
    return Meter(meter_id=name, registers=(ENERGY, POWER), interval_s=interval_s, **more)  # type: ignore[arg-type]


def virtual(name: str, *terms: Term, since_s: int = 0, interval_s: int = 21_600) -> Meter:
    formula = Formula(since_s=since_s, terms=terms)
    return Meter(
        meter_id=name, registers=(ENERGY, POWER), interval_s=interval_s, formulas=(formula,)
    )


def book(*meters: Meter) -> PartBook:
    return PartBook({meter.meter_id: meter for meter in meters})


def key(name: str, interval_s: int = 21_600, register: str = ENERGY) -> BlockKey:
    return BlockKey(name, register, DAY, interval_s)


def block(*values: int | None) -> NDArray[np.void]:
    slots = np.zeros(len(values), dtype=SLOT)
    for at, value in enumerate(values):
        if value is not None:
            slots[at] = (0, value, 8, PRESENT, 3)
    return slots


class Blocks:
    """Blocks of meters with readings, as a zone has them."""

    def __init__(self, held: Mapping[BlockKey, NDArray[np.void]], *, zones: Sequence[str]) -> None:
        self.provenance = Provenance()
        self._held = held
        self._zones = zones

    async def read(self, keys: Sequence[BlockKey]) -> Mapping[BlockKey, NDArray[np.void]]:
        found = {one: self._held[one] for one in keys if one in self._held}
        for at, one in enumerate(found):
            zone = self._zones[at % len(self._zones)]
            self.provenance.came([one], Origin("hot" if zone == "here" else "cold", zone, 7 + at))
        return found

    async def read_events(self, keys: Sequence[EventKey]) -> Mapping[EventKey, NDArray[np.void]]:
        return {}


async def finals(
    parts: PartBook, wanted: BlockKey, held: Mapping[BlockKey, NDArray[np.void]]
) -> tuple[list[int | None], list[int]]:
    reader = VirtualReader(Blocks(held, zones=["here"]), parts)
    slots = (await reader.read([wanted])).get(wanted)
    lacking = reader.provenance.lacking[wanted].tolist()
    if slots is None:
        return [None] * wanted.slots, lacking
    assert set(slots["quality"].tolist()) <= {0, DERIVED}
    return [int(one["final"]) if one["flags"] else None for one in slots], lacking


def test_weights_of_a_part_add_up_over_all_ways_to_it() -> None:
    parts = book(
        virtual("V", Term(meter_id="W", weight=2), Term(meter_id="A", weight=-1)),
        virtual("W", Term(meter_id="A", weight=0.5), Term(meter_id="B", register=POWER)),
        real("A"),
        real("B"),
    )

    assert parts.parts("V", ENERGY, day=DAY) == {("B", POWER): 2.0}


def test_a_circle_in_a_half_changed_copy_ends() -> None:
    parts = book(virtual("V", Term(meter_id="W")), virtual("W", Term(meter_id="V")))

    with pytest.raises(TooManyParts):
        parts.parts("V", ENERGY, day=DAY)


def test_the_deepest_that_is_registered_can_be_read() -> None:
    chain = [virtual(f"V{n}", Term(meter_id=f"V{n + 1}")) for n in range(MOST_DEEP)]

    parts = book(*chain, real(f"V{MOST_DEEP}"))

    assert parts.parts("V0", ENERGY, day=DAY) == {(f"V{MOST_DEEP}", ENERGY): 1.0}


async def test_a_slot_needs_all_parts_and_fits_32_bits() -> None:
    parts = book(virtual("V", Term(meter_id="A"), Term(meter_id="B")), real("A"), real("B"))
    held = {key("A"): block(1, None, 2**31 - 1, -5), key("B"): block(2, 3, 1, 5)}

    assert await finals(parts, key("V"), held) == ([3, None, None, 0], [0, 1, 0, 0])


async def test_parts_without_any_block_are_all_missing() -> None:
    parts = book(virtual("V", Term(meter_id="A"), Term(meter_id="gone")), real("A"))

    assert await finals(parts, key("V"), {}) == ([None] * 4, [2] * 4)


@pytest.mark.parametrize(("register", "expected"), [(ENERGY, [30, None]), (POWER, [15, None])])
async def test_shorter_energy_is_added_and_shorter_demand_averaged(
    register: str, expected: list[int | None]
) -> None:
    parts = book(virtual("V", Term(meter_id="A"), interval_s=43_200), real("A"))
    held = {key("A", register=register): block(10, 20, 30, None)}

    found, lacking = await finals(parts, key("V", 43_200, register), held)

    assert (found, lacking) == (expected, [0, 1])


async def test_a_part_may_change_its_length_in_the_middle_of_the_day() -> None:
    noon = DAY * DAY_S + 43_200
    part = real(
        "A", interval_s=10_800, interval_since_s=noon, earlier=(EarlierLength(noon, 21_600),)
    )
    parts = book(virtual("V", Term(meter_id="A")), part)
    held = {
        key("A"): block(1, 2, None, None),
        key("A", 10_800): block(None, None, None, None, 3, 4, 5, None),
    }

    assert await finals(parts, key("V"), held) == ([1, 2, 7, None], [0, 0, 0, 1])


async def test_before_the_first_formula_there_is_nothing() -> None:
    later = (DAY + 1) * DAY_S
    parts = book(virtual("V", Term(meter_id="A"), since_s=later), real("A"))

    assert await finals(parts, key("V"), {key("A"): block(1, 1, 1, 1)}) == ([None] * 4, [0] * 4)


async def test_where_it_came_from_is_where_its_parts_came_from() -> None:
    parts = book(virtual("V", Term(meter_id="A"), Term(meter_id="B")), real("A"), real("B"))
    held = {key("A"): block(1, 1, 1, 1), key("B"): block(1, 1, 1, 1)}
    reader = VirtualReader(Blocks(held, zones=["here", "zone-1"]), parts)

    await reader.read([key("V")])

    assert reader.provenance.origins[key("V")] == Origin("hot+cold", "", 7)


def test_the_example_of_the_document_is_a_virtual_meter() -> None:
    body = REGISTER["openapi_extra"]["requestBody"]["content"]["application/json"]["example"]

    meter = read_form(msgspec.Raw(msgspec.json.encode(body["meters"][1])))

    assert [term.weight for term in meter.terms_on(DAY * DAY_S)] == [1.0, -1.0]
