"""`POST /v1/mdms/validations`: try rules on what is stored, and against those that hold."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from msgspec import field

from functions.mdms import examples
from functions.mdms.interval_trial import (
    interval_findings,
    is_estimate,
    masks_of,
    newly_failing,
)
from functions.mdms.lookup import meters_asked
from functions.mdms.period_answers import MOST_IN_JSON, AnswerTooLarge, Period, json_answer
from functions.mdms.period_query import (
    BadPeriod,
    check_period,
    instant_text,
    second_at_or_after,
)
from functions.mdms.ports import Backing
from functions.mdms.problems import NotInThisZone
from functions.mdms.readings_body import MalformedBody
from functions.mdms.register_trial import Failing, failing_reads, read_findings
from functions.mdms.request_body import content_encoding, header_map, read_request_body
from functions.mdms.resampling import adds_up
from functions.mdms.settings import MdmsSettings
from functions.mdms.stretch_reading import read_whole
from functions.mdms.vee.group_choice import GroupChoice
from functions.mdms.vee.rule import Stretch
from functions.mdms.vee.rule_group import (
    Applied,
    AppliedRegister,
    BadRule,
    RuleSet,
    built_in_group,
    described,
    read_group,
)
from functions.mdms.wire_types import Instant
from functions.runtime.request import Caller, caller
from storage.cold.rule_groups import UnknownRuleGroup
from storage.model.block import PRESENT
from storage.model.meter import Meter
from storage.model.quality import Quality
from storage.model.rule_groups import RuleGroup, RuleSetting

MOST_INTERVALS: Final = 4_000_000
"""What one trial looks at: some seconds of a worker."""
_TRIED: Final = "tried"
_FOUND: Final = ("findings", "appear", "disappear")


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

    @router.post("/validations", summary="Try rules on stored readings", **examples.VALIDATION)
    async def validate(_: Annotated[Caller, Depends(caller)], request: Request) -> Response:
        """What each rule would find in the final values of a period; nothing is written.

        Intervals that have not ended yet are left out. Rules see nothing outside of the period,
        but for the register read before one.
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


async def _rules_tried(zone: Backing, body: ValidationBody) -> RuleSet:
    if body.rule_group is None:
        if body.rules is None:
            return read_group(built_in_group())
        said = tuple(RuleSetting(rule=one.rule, parameters=one.parameters) for one in body.rules)
        tried = read_group(RuleGroup(group=_TRIED, version=0, rules=said))
        if tried.technical:
            raise BadRule(
                f"rule {min(tried.technical)!r} refuses readings; it finds nothing in them"
            )
        return tried
    if body.rules is not None:
        raise BadPeriod("say either `rules` or `rule_group`")
    if zone.groups is None:
        raise NotInThisZone(what="the record of rule groups", tiers=[1], tier=zone.tier)
    kept = await zone.groups.get(body.rule_group.group, body.rule_group.version)
    if kept is None:
        raise UnknownRuleGroup(body.rule_group.group[:64], body.rule_group.version)
    return read_group(kept.group)


async def _tried(
    zone: Backing, found: Period, tried: RuleSet, held: GroupChoice | None
) -> dict[str, Any]:
    meters: dict[str, dict[str, Any]] = {
        one.meter_id: {"meter_id": one.meter_id, "intervals": 0, "present": 0, "findings": []}
        for one in found.meters
    }
    rules = tried.intervals
    every: list[Applied | AppliedRegister] = [*rules, *tried.registers]
    counts: Counter[str] = Counter({one.rule.name: 0 for one in every})
    changes = {"appear": Counter[str](), "disappear": Counter[str]()}
    size = 0
    by_name = {one.meter_id: one for one in found.meters}
    async for page, slots in read_whole(zone.blocks, found.parts()):
        present = (slots["flags"] & PRESENT) != 0
        stretch = Stretch(
            energy_wh=np.where(present, slots["final"], 0).astype(np.int64)[None, :],
            present=present[None, :],
            interval_s=page.interval_s,
            active=np.array([by_name[page.meter_id].active]),
            estimated=is_estimate(slots)[None, :],
            versions=slots["revision"][None, :],
            flagged=(slots["quality"] == Quality.QUESTIONABLE)[None, :],
            register=page.register,
        )
        said = meters[page.meter_id]
        said["intervals"] += len(slots)
        said["present"] += int(present.sum())
        masks = masks_of(rules, stretch)
        for key, mask in masks.items():
            counts[key[0]] += int(mask.sum())
        said["findings"] += interval_findings(rules, masks, page)
        size += len(said["findings"])
        if held is not None:
            now = held.of(by_name[page.meter_id])
            before = masks_of(now.intervals, stretch)
            appear, disappear = newly_failing(masks, before), newly_failing(before, masks)
            for name, own, which in (
                ("appear", rules, appear),
                ("disappear", now.intervals, disappear),
            ):
                for key, mask in which.items():
                    if mask.any():
                        changes[name][key[0]] += int(mask.sum())
                said.setdefault(name, []).extend(interval_findings(own, which, page))
                size += len(said[name])
        if size > MOST_IN_JSON:
            raise AnswerTooLarge(size)
    await _try_registers(zone, found, tried, held, meters, counts, changes)
    answer = {
        "rules": [
            one | {"severity": applied.severity.value}
            for one, applied in zip(described(one.rule for one in every), every, strict=True)
        ],
        "counts": dict(counts),
        "meters": list(meters.values()),
    }
    if held is not None:
        answer["against"] = {"version": held.version} | {
            name: dict(found) for name, found in changes.items()
        }
    return answer


async def _try_registers(
    zone: Backing,
    found: Period,
    tried: RuleSet,
    held: GroupChoice | None,
    meters: dict[str, dict[str, Any]],
    counts: Counter[str],
    changes: dict[str, Counter[str]],
) -> None:
    """Add what fails of register reads to what is said of each meter."""

    async def failing(rules_of: Callable[[Meter], RuleSet]) -> dict[str, Failing]:
        return await failing_reads(
            zone.blocks,
            found.meters,
            register=found.register,
            begin_s=found.begin_s,
            end_s=found.end_s,
            rules_of=rules_of,
        )

    now = await failing(lambda _: tried)
    before = {} if held is None else await failing(held.of)
    for meter in found.meters:
        said = meters[meter.meter_id]
        these, others = now.get(meter.meter_id, {}), before.get(meter.meter_id, {})
        counts.update(rule for rule, _ in these)
        said["findings"] += read_findings(these, tried)
        if held is None:
            continue
        for name, own, all_of, rules in (
            ("appear", these, others, tried),
            ("disappear", others, these, held.of(meter)),
        ):
            changed = {key: run for key, run in own.items() if key not in all_of}
            changes[name].update(rule for rule, _ in changed)
            said.setdefault(name, []).extend(read_findings(changed, rules))
    size = sum(len(said[name]) for said in meters.values() for name in _FOUND if name in said)
    if size > MOST_IN_JSON:
        raise AnswerTooLarge(size)
