"""Rule groups as data: which validation rules look at which meters, in immutable versions."""

from typing import Any, Final

import msgspec

BUILT_IN: Final = "built-in"
"""Name of the group that holds where a tenant has activated none."""


class RuleSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule by its name; what is not said is as the rule has it by default."""

    rule: str
    parameters: dict[str, Any] = {}
    severity: str | None = None
    enabled: bool = True


class AppliesTo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The meters of a feeder or of a transformer; with neither, all that no other group has.

    A transformer's group goes before its feeder's.
    """

    feeder: str | None = None
    transformer: str | None = None


class Filling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Gaps are estimated once they are `after_s` old by the newest data of the zone.

    `methods` are tried in their order; without any, all in the order of their defaults.
    """

    after_s: int = 21_600
    methods: tuple[str, ...] = ()


class RuleGroup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One version of a group; versions of a name count from 1."""

    group: str
    version: int
    applies_to: AppliesTo = AppliesTo()
    rules: tuple[RuleSetting, ...] = ()
    fill: Filling | None = None


class ActiveRules(msgspec.Struct, frozen=True, kw_only=True):
    """The groups of a tenant that are active; `version` is the registry's that made them so.

    No two of them are for the same meters. Version 0 has never had any.
    """

    version: int = 0
    groups: tuple[RuleGroup, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(ActiveRules)


def encode_rules(rules: ActiveRules) -> bytes:
    """Return the bytes that `decode_rules` reads back; readable JSON."""
    return _encoder.encode(rules)


def decode_rules(record: bytes) -> ActiveRules:
    """Read active rules back.

    Raises:
        msgspec.MsgspecError: the bytes are something else.
    """
    return _decoder.decode(record)
