"""A group of rules as data: named, with their parameters, in the order they are tried."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Final

import msgspec

from functions.mdms.estimation.method_list import METHODS
from functions.mdms.vee.backward_dial import BackwardDial
from functions.mdms.vee.duplicate_interval import DuplicateInterval
from functions.mdms.vee.gap_check import GapCheck
from functions.mdms.vee.high_low_check import HighLowCheck
from functions.mdms.vee.identical_intervals import IdenticalIntervals
from functions.mdms.vee.inactive_usage import InactiveUsage
from functions.mdms.vee.meter_flag import MeterFlag
from functions.mdms.vee.multiplier_check import MultiplierCheck
from functions.mdms.vee.negative_consumption import NegativeConsumption
from functions.mdms.vee.prolonged_estimation import ProlongedEstimation
from functions.mdms.vee.register_pairs import RegisterRule
from functions.mdms.vee.register_rollover import RegisterRollover
from functions.mdms.vee.rule import Rule, Severity
from functions.mdms.vee.spike_check import SpikeCheck
from functions.mdms.vee.sum_check import SumCheck
from functions.mdms.vee.technical_rules import SWITCHABLE, TechnicalRule
from functions.mdms.vee.unexpected_export import UnexpectedExport
from functions.mdms.vee.unit_of_measure import UnitOfMeasure
from functions.mdms.vee.zero_consumption import ZeroConsumption
from storage.model.rule_groups import BUILT_IN, Filling, RuleGroup, RuleSetting

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
            NegativeConsumption,
            DuplicateInterval,
            ProlongedEstimation,
            UnexpectedExport,
            MeterFlag,
        )
    }
)
"""Of intervals."""
REGISTER_RULES: Final[Mapping[str, type[RegisterRule]]] = MappingProxyType(
    {
        one.name: one
        for one in (BackwardDial, RegisterRollover, SumCheck, UnitOfMeasure, MultiplierCheck)
    }
)
TECHNICAL_RULES: Final[Mapping[str, type[TechnicalRule]]] = MappingProxyType(
    {one.name: one for one in SWITCHABLE}
)
OFF_BY_DEFAULT: Final = frozenset({UnexpectedExport.name})
LEAST_FILL_AFTER_S: Final = 900


class BadRule(ValueError):
    """A rule has a name or a parameter that is not known, or that means nothing."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A rule, and how severe a group takes it to be."""

    rule: Rule
    severity: Severity


@dataclass(frozen=True, slots=True)
class AppliedRegister:
    """A rule about register reads, and how severe a group takes it to be."""

    rule: RegisterRule
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """A group read: rules of intervals, of registers, what of the technical ones is said."""

    group: str
    version: int
    intervals: tuple[Applied, ...]
    registers: tuple[AppliedRegister, ...]
    technical: Mapping[str, TechnicalRule | None]
    fill: Filling | None = None

    @property
    def names(self) -> frozenset[str]:
        """The names of the rules of intervals."""
        return frozenset(one.rule.name for one in self.intervals)

    @property
    def gap(self) -> GapCheck | None:
        """The group's rule for gaps, if it has one."""
        for one in self.intervals:
            if isinstance(one.rule, GapCheck):
                return one.rule
        return None

    @property
    def flag(self) -> Applied | None:
        """The group's rule for what meters doubt themselves, if it has one."""
        for one in self.intervals:
            if isinstance(one.rule, MeterFlag):
                return one
        return None


def read_rule(name: str, parameters: Mapping[str, Any]) -> Rule:
    """The rule of intervals of that name; what `parameters` does not say is by default.

    Raises:
        BadRule: an unknown name or parameter, or one of a wrong type or range.
    """
    rule: Rule = _read(RULES, name, parameters)
    return rule


def read_group(group: RuleGroup) -> RuleSet:
    """The rules of a group; a technical rule that is switched off is None.

    Raises:
        BadRule: as `read_rule`, a rule named twice, a severity that is none, or gaps to be filled
            by a method that is not known.
    """
    intervals: list[Applied] = []
    registers: list[AppliedRegister] = []
    technical: dict[str, TechnicalRule | None] = {}
    seen: set[str] = set()
    for said in group.rules:
        if said.rule in seen:
            raise BadRule(f"rule {said.rule[:64]!r} is named twice")
        seen.add(said.rule)
        if said.rule in TECHNICAL_RULES:
            if said.severity is not None:
                raise BadRule(f"rule {said.rule!r} refuses readings; it has no severity")
            read = _read(TECHNICAL_RULES, said.rule, said.parameters)
            technical[said.rule] = read if said.enabled else None
        elif said.rule in REGISTER_RULES:
            of_register = _read(REGISTER_RULES, said.rule, said.parameters)
            if said.enabled:
                registers.append(AppliedRegister(of_register, _severity(said, of_register)))
        else:
            rule = read_rule(said.rule, said.parameters)
            if said.enabled:
                intervals.append(Applied(rule, _severity(said, rule)))
    _check_filling(group.fill)
    return RuleSet(
        group=group.group,
        version=group.version,
        intervals=tuple(intervals),
        registers=tuple(registers),
        technical=MappingProxyType(technical),
        fill=group.fill,
    )


def built_in_group() -> RuleGroup:
    """What holds for meters that no group of the tenant's is for: version 0 of `built-in`."""
    names = [name for name in (*RULES, *REGISTER_RULES) if name not in OFF_BY_DEFAULT]
    return RuleGroup(
        group=BUILT_IN, version=0, rules=tuple(RuleSetting(rule=name) for name in names)
    )


def default_rules() -> list[Rule]:
    """Every rule of intervals that is on unless it is said, with its defaults."""
    return [read_rule(name, {}) for name in RULES if name not in OFF_BY_DEFAULT]


def described(rules: Iterable[Rule | RegisterRule]) -> list[dict[str, Any]]:
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


def _read(known: Mapping[str, Any], name: str, parameters: Mapping[str, Any]) -> Any:
    kind = known.get(name)
    if kind is None:
        every = ", ".join((*RULES, *REGISTER_RULES, *TECHNICAL_RULES))
        raise BadRule(f"there is no rule {name[:64]!r} here; known are {every}")
    unknown = set(parameters) - {field.name for field in fields(kind)}
    if unknown:
        raise BadRule(f"rule {name!r} has no parameter {min(unknown)[:64]!r}")
    try:
        return msgspec.convert(dict(parameters), kind)
    except msgspec.ValidationError as error:
        raise BadRule(f"rule {name!r}: {error}") from error


def _severity(said: RuleSetting, rule: Rule | RegisterRule) -> Severity:
    if said.severity is None:
        return rule.severity
    try:
        return Severity(said.severity)
    except ValueError as error:
        raise BadRule(f"rule {said.rule!r}: {said.severity[:64]!r} is no severity") from error


def _check_filling(fill: Filling | None) -> None:
    if fill is None:
        return
    unknown = set(fill.methods) - set(METHODS)
    if unknown:
        raise BadRule(f"there is no estimation method {min(unknown)[:64]!r} for gaps")
    if not LEAST_FILL_AFTER_S <= fill.after_s <= 35 * 86_400:
        raise BadRule("`after_s` is 900 to 3024000")
