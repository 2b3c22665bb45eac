"""Estimations as a client asks for them, and as an answer lays them out."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import field
from numpy.typing import NDArray

from functions.mdms.estimation.method import Method
from functions.mdms.estimation.method_list import default_methods, read_method
from functions.mdms.estimation.prolonged import prolonged_runs
from functions.mdms.estimation_run import MeterEstimate, is_present
from functions.mdms.wire_types import Instant
from storage.cold.edits import NewEdit
from storage.model.quality import Quality
from storage.model.stretches import stretch_lengths

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, pattern=r"^[^\x00]*$")]
NO_METHOD = "no-method-applies"


class MethodForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A method by its name, with parameters of its own."""

    method: str
    parameters: dict[str, Any] = {}


class EstimationBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of an estimation: meters or a feeder, a period, and methods in the order to be tried.

    Without `methods`, all of them. `scale` is to the register reads around. Nothing is written
    unless `apply` is true, which wants a `reason`.
    """

    begin: Instant = field(name="from")
    end: Instant = field(name="to")
    meter_ids: Annotated[list[str], msgspec.Meta(max_length=1_000)] | None = None
    feeder: str | None = None
    register: str = "1-0:1.8.0"
    methods: Annotated[list[MethodForm], msgspec.Meta(min_length=1, max_length=10)] | None = None
    scale: bool = True
    apply: bool = False
    reason: Reason | None = None


def methods_of(forms: list[MethodForm] | None) -> list[Method]:
    """The methods of a body.

    Raises:
        BadMethod: one has a name or a parameter that is not known.
    """
    if forms is None:
        return default_methods()
    return [read_method(one.method, one.parameters) for one in forms]


def edits_of(
    found: MeterEstimate, methods: Sequence[Method], *, kind: str, exception_ids: tuple[int, ...]
) -> list[NewEdit]:
    """What `found` would write; `kind` is `estimate`, a run a method, or `edit`, a run in all.

    An estimate that is there already is not written again.
    """
    quality = [int(one.quality) for one in methods]
    names = [one.name for one in methods]
    method = found.method.copy()
    if kind == "edit":
        used = np.unique(method[method >= 0]).tolist()
        names, quality = ["+".join(names[at] for at in used)], [int(Quality.EDITED)]
        method = np.minimum(method, 0)
    if kind == "estimate":
        of_method = np.array([*quality, -1])[method]
        stored = is_present(found.slots) & (found.slots["final"] == found.energy_wh)
        method[stored & (found.slots["quality"] == of_method)] = -1
    present = is_present(found.slots).tolist()
    values, final = found.energy_wh.tolist(), found.slots["final"].tolist()
    written = []
    for first, length, number in _runs(method):
        if number < 0:
            continue
        end = first + length
        written.append(
            NewEdit(
                kind=kind,
                meter_id=found.meter.meter_id,
                register=found.page.register,
                interval_s=found.page.interval_s,
                start_s=(found.page.first + first) * found.page.interval_s,
                values=tuple(values[first:end]),
                quality=(quality[number],) * length,
                seen=tuple(final[at] if present[at] else None for at in range(first, end)),
                method=names[number],
                exception_ids=exception_ids,
            )
        )
    return written


def meter_answer(
    found: MeterEstimate, methods: Sequence[Method], *, longest_hours: int
) -> dict[str, Any]:
    """One meter's part of the answer: estimates, what is left, scaling, and what lasts too long."""
    page, values = found.page, found.energy_wh.tolist()
    names = [one.name for one in methods]
    estimates, left = [], []
    code = np.where(found.wanted, found.method, -2)
    for first, length, number in _runs(code):
        period = _period(found, first, length)
        if number >= 0:
            quality = int(methods[number].quality)
            of_method = {"method": names[number], "quality": quality}
            estimates.append(period | of_method | {"values": values[first : first + length]})
        elif number == -1:
            left.append(period | {"reason": NO_METHOD})
    return {
        "meter_id": found.meter.meter_id,
        "interval_s": page.interval_s,
        "estimates": estimates,
        "left": left,
        "boundaries": [
            _period(found, one.first, one.end - one.first)
            | {"register_wh": one.register_wh, "outcome": one.outcome.value}
            for one in found.boundaries
        ],
        "prolonged": [
            _period(found, first, length) for first, length in prolonged(found, longest_hours)
        ],
    }


def prolonged(found: MeterEstimate, longest_hours: int) -> Iterator[tuple[int, int]]:
    """Runs of estimates that last longer than the limit and take in one that was asked for."""
    for first, length in prolonged_runs(
        found.estimated, interval_s=found.page.interval_s, longest_hours=longest_hours
    ):
        if found.wanted[first : first + length].any():
            yield first, length


def _period(found: MeterEstimate, first: int, length: int) -> dict[str, Any]:
    begin = found.page.first + first
    return {
        "from": found.page.instant(begin),
        "to": found.page.instant(begin + length),
        "intervals": length,
    }


def _runs(column: NDArray[np.signedinteger[Any]]) -> Iterator[tuple[int, int, int]]:
    """First place, length and value of each stretch of equal values."""
    if not len(column):
        return
    begins = np.ones(len(column), dtype=np.bool_)
    begins[1:] = column[1:] != column[:-1]
    heads = np.flatnonzero(begins)
    lengths = stretch_lengths(heads, len(column))
    yield from zip(heads.tolist(), lengths.tolist(), column[heads].tolist(), strict=True)
