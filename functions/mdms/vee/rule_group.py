"""A group of rules as data: named, with their parameters, in the order they are tried."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from types import MappingProxyType
from typing import Any, Final

import msgspec

from functions.mdms.vee.gap_check import GapCheck
from functions.mdms.vee.high_low_check import HighLowCheck
from functions.mdms.vee.identical_intervals import IdenticalIntervals
from functions.mdms.vee.inactive_usage import InactiveUsage
from functions.mdms.vee.rule import Rule
from functions.mdms.vee.spike_check import SpikeCheck
from functions.mdms.vee.zero_consumption import ZeroConsumption

RULES: Final[Mapping[str, type[Rule]]] = MappingProxyType(
    {
        one.name: one
        for one in (
            GapCheck,
            HighLowCheck,
            SpikeCheck,
            ZeroConsumption,
            IdenticalIntervals,
            InactiveUsage,
        )
    }
)


class BadRule(ValueError):
    """A rule has a name or a parameter that is not known, or that means nothing."""


def read_rule(name: str, parameters: Mapping[str, Any]) -> Rule:
    """The rule of that name; what `parameters` does not say is as it is by default.

    Raises:
        BadRule: an unknown name or parameter, or one of a wrong type or range.
    """
    kind: Any = RULES.get(name)
    if kind is None:
        raise BadRule(f"there is no rule {name[:64]!r}; known are {', '.join(RULES)}")
    unknown = set(parameters) - {field.name for field in fields(kind)}
    if unknown:
        raise BadRule(f"rule {name!r} has no parameter {min(unknown)[:64]!r}")
    try:
        rule: Rule = msgspec.convert(dict(parameters), kind)
    except msgspec.ValidationError as error:
        raise BadRule(f"rule {name!r}: {error}") from error
    return rule


def default_rules() -> list[Rule]:
    """Every rule with its defaults."""
    return [read_rule(name, {}) for name in RULES]


def described(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """The rules as an answer says them."""
    found = []
    for rule in rules:
        parameters: Any = rule
        found.append(
            {
                "rule": rule.name,
                "severity": rule.severity.value,
                "quality": rule.quality,
                "parameters": asdict(parameters),
            }
        )
    return found
