"""What rule groups say of technical validation, meter by meter."""

from functions.mdms.meter_table import MeterTable
from functions.mdms.reading_time import ReadingTime
from functions.mdms.technical_policy import NEVER_S, technical_policy
from functions.mdms.vee.group_choice import GroupChoice
from storage.model.meter import Meter
from storage.model.rule_groups import ActiveRules, AppliesTo, RuleGroup, RuleSetting

TIME = ReadingTime(ahead_s=300, stale_after_s=1_000)


def table() -> MeterTable:
    return MeterTable(
        [
            Meter(meter_id="B", registers=("1-0:1.8.0",), interval_s=900, feeder="F-01"),
            Meter(meter_id="A", registers=("1-0:1.8.0",), interval_s=900),
        ],
        version=2,
    )


def group(*rules: RuleSetting) -> ActiveRules:
    only = RuleGroup(group="north", version=1, applies_to=AppliesTo(feeder="F-01"), rules=rules)
    return ActiveRules(version=1, groups=(only,))


def test_without_a_word_of_it_nothing_is_looked_up() -> None:
    assert technical_policy(table(), GroupChoice(ActiveRules()), time=TIME) is None
    spikes = group(RuleSetting(rule="interval-spike"))
    assert technical_policy(table(), GroupChoice(spikes), time=TIME) is None


def test_a_group_is_for_its_meters_only() -> None:
    rules = group(
        RuleSetting(rule="future", parameters={"ahead_s": 7}),
        RuleSetting(rule="stale", enabled=False),
        RuleSetting(rule="beyond-dials", enabled=False),
    )
    known = table()
    policy = technical_policy(known, GroupChoice(rules), time=TIME)
    assert policy is not None
    said = policy.at(known.locate(["A", "B"]))

    assert said.ahead_s.tolist() == [300, 7]
    assert said.stale_after_s.tolist() == [1_000, NEVER_S]
    assert said.refuses_negative.tolist() == [True, True]
    assert said.refuses_beyond_dials.tolist() == [True, False]
