"""From what a client writes to a rule group, and from what is held to what is answered."""

from dataclasses import asdict, fields
from typing import Annotated, Any

import msgspec

from functions.mdms.period_query import instant_text
from functions.mdms.vee.rule_group import (
    OFF_BY_DEFAULT,
    REGISTER_RULES,
    RULES,
    TECHNICAL_RULES,
    read_group,
)
from functions.mdms.vee.technical_rules import ALWAYS_ON
from functions.mdms.wire_types import Label
from storage.cold.rule_groups import Activation, GroupState, GroupVersion
from storage.model.rule_groups import BUILT_IN, AppliesTo, Filling, RuleGroup, RuleSetting

GroupName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
MOST_RULES = 100


class BadRuleGroup(ValueError):
    """The group is for no meters that could be, or has a reserved name."""


class RuleGroupBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /v1/mdms/rule-groups`."""

    group: GroupName
    applies_to: AppliesTo = AppliesTo()
    rules: Annotated[list[RuleSetting], msgspec.Meta(max_length=MOST_RULES)]
    fill: Filling | None = None
    reason: Label | None = None


class ActivationBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of an activation; a deactivation has no `version`."""

    version: Annotated[int, msgspec.Meta(ge=1)] | None = None
    reason: Label | None = None


def read_body(body: RuleGroupBody) -> RuleGroup:
    """The group that the body describes, with every parameter said, as version 0.

    What a rule has by default today is written down with it, so that a version never changes.

    Raises:
        BadRule, BadRuleGroup: it describes none.
    """
    if body.group == BUILT_IN:
        raise BadRuleGroup(f"{BUILT_IN!r} is what holds without a group")
    if body.applies_to.feeder is not None and body.applies_to.transformer is not None:
        raise BadRuleGroup("a group is for a feeder or for a transformer, not for both")
    group = RuleGroup(
        group=body.group,
        version=0,
        applies_to=body.applies_to,
        rules=tuple(body.rules),
        fill=body.fill,
    )
    read_group(group)
    return msgspec.structs.replace(group, rules=tuple(map(_written_out, body.rules)))


def version_answer(held: GroupVersion) -> dict[str, Any]:
    """A version as an answer says it."""
    found: dict[str, Any] = msgspec.to_builtins(held.group)
    return found | {
        "created_at": instant_text(int(held.created_at.timestamp())),
        "created_by": held.created_by,
        "reason": held.reason,
    }


def state_answer(state: GroupState) -> dict[str, Any]:
    """A group as a list says it."""
    since = None if state.since is None else instant_text(int(state.since.timestamp()))
    return {
        "group": state.name,
        "newest_version": state.newest,
        "active_version": state.active,
        "active_since": since,
    }


def activation_answer(one: Activation) -> dict[str, Any]:
    """An activation as an answer says it."""
    return {
        "version": one.version,
        "at": instant_text(int(one.at.timestamp())),
        "by": one.by,
        "reason": one.reason,
        "registry_version": one.registry_version,
    }


def catalogue() -> list[dict[str, Any]]:
    """Every rule there is: what it is called, where it runs, and what can be said of it."""
    found: list[dict[str, Any]] = [
        {"rule": name, "title": title, "kind": "technical", "switchable": False, "tier": 3}
        for name, title in ALWAYS_ON.items()
    ]
    for kind, tier, rules in (
        ("technical", 3, TECHNICAL_RULES),
        ("interval", 2, RULES),
        ("register", 2, REGISTER_RULES),
    ):
        for name, rule in rules.items():
            read: Any = rule()
            found.append(
                {
                    "rule": name,
                    "title": read.title,
                    "kind": kind,
                    "switchable": True,
                    "tier": tier,
                    "severity": read.severity.value,
                    "quality": read.quality,
                    "iec_codes": list(read.iec_codes),
                    "parameters": asdict(read),
                    "built_in": kind == "technical" or name not in OFF_BY_DEFAULT,
                }
            )
    return found


def _written_out(said: RuleSetting) -> RuleSetting:
    every_kind: dict[str, Any] = {**RULES, **REGISTER_RULES, **TECHNICAL_RULES}
    kind = every_kind[said.rule]
    read = msgspec.convert(said.parameters, kind)
    every = {field.name: getattr(read, field.name) for field in fields(kind)}
    return msgspec.structs.replace(said, parameters=every)
