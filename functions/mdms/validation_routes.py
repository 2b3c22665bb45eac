"""`POST /v1/mdms/validations`: try rules on what is stored, and against those that hold."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from msgspec import field
from numpy.typing import NDArray

from functions.mdms import examples
from functions.mdms.lookup import meters_asked
from functions.mdms.period_answers import MOST_IN_JSON, AnswerTooLarge, Period, json_answer
from functions.mdms.period_query import (
    BadPeriod,
    Page,
    check_period,
    instant_text,
    second_at_or_after,
)
from functions.mdms.ports import Backing
from functions.mdms.problems import NotInThisZone
from functions.mdms.readings_body import MalformedBody
from functions.mdms.request_body import content_encoding, header_map, read_request_body
from functions.mdms.resampling import adds_up
from functions.mdms.schema import Instant
from functions.mdms.settings import MdmsSettings
from functions.mdms.stretch_reading import read_stretches
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.rule import Stretch
from functions.mdms.vee.rule_group import (
    Applied,
    default_rules,
    described,
    read_group,
    read_rule,
)
from functions.runtime.request import Caller, caller
from storage.cold.rule_groups import UnknownRuleGroup
from storage.model.block import PRESENT
from storage.model.quality import CLASS_OF_QUALITY, Quality, QualityClass
from storage.model.stretches import stretch_lengths

MOST_INTERVALS: Final = 4_000_000
"""What one trial looks at: some seconds of a worker."""
_Key = tuple[str, str | None]


class RuleForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A rule by its name, with parameters of its own."""

    rule: str
    parameters: dict[str, Any] = {}


class GroupForm(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A version of a rule group, as headquarters keeps it."""

    group: str
    version: Annotated[int, msgspec.Meta(ge=1, le=1 << 30)]


class ValidationBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Body of a trial: meters or a feeder, a period, and what is tried.

    That is `rules`, or a `rule_group`; without either, every rule that is built in. `against` says
    what else is shown: what would change against the rules that are `active`.
    """

    begin: Instant = field(name="from")
    end: Instant = field(name="to")
    meter_ids: Annotated[list[str], msgspec.Meta(max_length=1_000)] | None = None
    feeder: str | None = None
    register: str = "1-0:1.8.0"
    rules: Annotated[list[RuleForm], msgspec.Meta(max_length=100)] | None = None
    rule_group: GroupForm | None = None
    against: Literal["active"] | None = None


_decoder = msgspec.json.Decoder(ValidationBody)


def validation_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.post("/validations", summary="Try rules on stored intervals", **examples.VALIDATION)
    async def validate(_: Annotated[Caller, Depends(caller)], request: Request) -> Response:
        """What each rule would find in the final values of a period; nothing is written.

        Intervals that have not ended yet are left out. Rules see nothing outside of the period.
        """
        headers = header_map(request.scope["headers"])
        content_encoding(headers, media_type="application/json", encodings=("identity",))
        raw = await read_request_body(request.receive, headers, limit=settings.max_body_bytes)
        try:
            body = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedBody(str(error)) from error
        check_period(begin=body.begin, end=body.end, max_days=settings.max_query_days)
        if not adds_up(body.register):
            raise BadPeriod("the rules are about energy; the register is one of demand")
        zone = backing()
        tried = await _rules_tried(zone, body)
        held = None if body.against is None else GroupChoice(await zone.active_rules())
        begin_s, end_s = second_at_or_after(body.begin), second_at_or_after(body.end)
        found = Period(
            meters=await meters_asked(
                zone.book, meter_ids=body.meter_ids, feeder=body.feeder, register=body.register
            ),
            register=body.register,
            begin_s=begin_s,
            end_s=max(begin_s, min(end_s, int(time.time()))),
        )
        size = 0
        for part in found.parts():
            size += part.end - part.first
            if size > MOST_INTERVALS:
                raise AnswerTooLarge(size, most=MOST_INTERVALS)
        answer = await _tried(zone, found, tried, held)
        head = {"from": instant_text(begin_s), "to": instant_text(end_s), "source": zone.source}
        return json_answer({"register": body.register} | head | answer)

    return router


async def _rules_tried(zone: Backing, body: ValidationBody) -> Sequence[Applied]:
    if body.rule_group is None:
        forms = body.rules
        rules = (
            default_rules()
            if forms is None
            else [read_rule(one.rule, one.parameters) for one in forms]
        )
        return [Applied(rule, rule.severity) for rule in rules]
    if body.rules is not None:
        raise BadPeriod("say either `rules` or `rule_group`")
    if zone.groups is None:
        raise NotInThisZone(what="the record of rule groups", tiers=[1], tier=zone.tier)
    kept = await zone.groups.get(body.rule_group.group, body.rule_group.version)
    if kept is None:
        raise UnknownRuleGroup(body.rule_group.group[:64], body.rule_group.version)
    return read_group(kept.group).intervals


async def _tried(
    zone: Backing, found: Period, rules: Sequence[Applied], held: GroupChoice | None
) -> dict[str, Any]:
    meters: dict[str, dict[str, Any]] = {
        one.meter_id: {"meter_id": one.meter_id, "intervals": 0, "present": 0, "findings": []}
        for one in found.meters
    }
    counts: Counter[str] = Counter({one.rule.name: 0 for one in rules})
    changes = {"appear": Counter[str](), "disappear": Counter[str]()}
    size = 0
    by_name = {one.meter_id: one for one in found.meters}
    async for page, slots in _whole(zone, found):
        present = (slots["flags"] & PRESENT) != 0
        stretch = Stretch(
            energy_wh=np.where(present, slots["final"], 0).astype(np.int64)[None, :],
            present=present[None, :],
            interval_s=page.interval_s,
            active=np.array([by_name[page.meter_id].active]),
            estimated=_is_estimate(slots)[None, :],
            versions=slots["revision"][None, :],
            flagged=(slots["quality"] == Quality.QUESTIONABLE)[None, :],
            register=page.register,
        )
        said = meters[page.meter_id]
        said["intervals"] += len(slots)
        said["present"] += int(present.sum())
        masks = _masks(rules, stretch)
        for key, mask in masks.items():
            counts[key[0]] += int(mask.sum())
        said["findings"] += _findings(rules, masks, page)
        size += len(said["findings"])
        if held is not None:
            now = held.of(by_name[page.meter_id])
            before = _masks(now.intervals, stretch)
            appear, disappear = _changes(masks, before), _changes(before, masks)
            for name, own, which in (
                ("appear", rules, appear),
                ("disappear", now.intervals, disappear),
            ):
                for key, mask in which.items():
                    if mask.any():
                        changes[name][key[0]] += int(mask.sum())
                said.setdefault(name, []).extend(_findings(own, which, page))
                size += len(said[name])
        if size > MOST_IN_JSON:
            raise AnswerTooLarge(size)
    answer = {
        "rules": [
            one | {"severity": applied.severity.value}
            for one, applied in zip(described(one.rule for one in rules), rules, strict=True)
        ],
        "counts": dict(counts),
        "meters": list(meters.values()),
    }
    if held is not None:
        answer["against"] = {"version": held.version} | {
            name: dict(found) for name, found in changes.items()
        }
    return answer


async def _whole(zone: Backing, found: Period) -> AsyncIterator[tuple[Page, NDArray[np.void]]]:
    """The parts of each meter's lengths put together, so that rules see neighbours."""
    first: Page | None = None
    held: list[NDArray[np.void]] = []
    async for part, slots in read_stretches(zone.blocks, found.parts()):
        follows = (
            first is not None
            and (first.meter_id, first.interval_s) == (part.meter_id, part.interval_s)
            and first.first + sum(map(len, held)) == part.first
        )
        if first is not None and not follows:
            yield first, np.concatenate(held)
            held = []
        first = first if follows else part
        held.append(slots)
    if first is not None:
        yield first, np.concatenate(held)


def _masks(rules: Sequence[Applied], stretch: Stretch) -> dict[_Key, NDArray[np.bool_]]:
    """Which of the first meter's intervals fail, by rule and code."""
    return {
        (one.rule.name, suspects.iec_code): suspects.mask[0]
        for one in rules
        for suspects in one.rule.suspects(stretch)
    }


def _changes(
    these: dict[_Key, NDArray[np.bool_]], others: dict[_Key, NDArray[np.bool_]]
) -> dict[_Key, NDArray[np.bool_]]:
    """What fails by these and not by the others."""
    return {key: mask & ~others[key] if key in others else mask for key, mask in these.items()}


def _findings(
    rules: Sequence[Applied], masks: dict[_Key, NDArray[np.bool_]], page: Page
) -> list[dict[str, Any]]:
    """Runs of intervals that fail, in order, rule by rule."""
    by_name = {one.rule.name: one for one in rules}
    findings = []
    for (name, iec_code), row in masks.items():
        applied = by_name[name]
        begins = np.ones(len(row), dtype=np.bool_)
        begins[1:] = row[1:] != row[:-1]
        heads = np.flatnonzero(begins)
        lengths = stretch_lengths(heads, len(row))
        for head, length in zip(heads.tolist(), lengths.tolist(), strict=True):
            if row[head]:
                begin = page.first + head
                findings.append(
                    {
                        "rule": name,
                        "severity": applied.severity.value,
                        "iec_code": iec_code,
                        "quality": applied.rule.quality,
                        "from": page.instant(begin),
                        "to": page.instant(begin + length),
                        "intervals": length,
                    }
                )
    return findings


def _is_estimate(slots: NDArray[np.void]) -> NDArray[np.bool_]:
    estimate: NDArray[np.bool_] = CLASS_OF_QUALITY[slots["quality"]] == QualityClass.ESTIMATED
    return estimate
