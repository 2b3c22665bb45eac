"""Limits of the link: how much travels at once, how long it waits, how often things are asked."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec

from functions.traffic_scheduling.class_rules import CLASS_RULES, ClassRules
from storage.model.traffic import TrafficClass

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type; names it."""


class ClassSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of one class: its deadline, and how long a first entry waits for company."""

    deadline_s: Seconds | None = None
    batch_age_s: Annotated[float, msgspec.Meta(ge=0)] | None = None


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch goes out at `batch_bytes` of payload or when its first entry waited its class's
    `batch_age_s`. `link_bits_per_s` caps what is sent; a batch then holds the link up for about
    `batch_hold_s`. What waited `backlog_after_s` is a backlog, which live data overtakes.
    `share` of the link is kept for each laxer class that waits.

    With `replication: lazy` interval readings stay in this zone, which has acknowledged them, until
    they have waited `lazy_after_s`, or until more than `lazy_bytes` of a tenant's wait.
    """

    batch_bytes: Positive = 512 * 1024
    batch_entries: Positive = 2_000
    batch_age_s: Seconds | None = None
    """Of the classes billing and interval, when their own is not said."""
    batch_hold_s: Seconds = 0.5
    link_bits_per_s: Annotated[float, msgspec.Meta(ge=1_000)] | None = None
    backlog_after_s: Seconds = 60.0
    share: Annotated[float, msgspec.Meta(gt=0, le=0.5)] = 0.05
    classes: dict[TrafficClass, ClassSettings] = {}
    lanes: Annotated[int, msgspec.Meta(ge=1, le=32)] = 4
    replication: Literal["eager", "lazy"] = "eager"
    lazy_after_s: Seconds = 86_400.0
    lazy_bytes: Positive = 256 * 1024 * 1024
    first_retry_s: Seconds = 0.25
    longest_retry_s: Seconds = 30.0
    longest_link_retry_s: Seconds = 5.0
    answer_within_s: Seconds = 30.0
    tenants_every_s: Seconds = 2.0
    registry_every_s: Seconds = 1.0
    registry_idle_s: Seconds = 4.0
    registry_page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 5_000
    edits_page: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 200

    def rules(self) -> ClassRules:
        """What each class is promised on this link."""
        rules = dict(CLASS_RULES)
        if self.batch_age_s is not None:
            for each in (TrafficClass.BILLING, TrafficClass.INTERVAL):
                rules[each] = replace(rules[each], batch_age_s=self.batch_age_s)
        for each, said in self.classes.items():
            changed = {name: value for name, value in msgspec.structs.asdict(said).items()}
            rules[each] = replace(
                rules[each], **{name: value for name, value in changed.items() if value is not None}
            )
        return rules


def read_settings(settings: dict[str, Any]) -> LinkSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        return msgspec.convert(settings, LinkSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of traffic_scheduling: {error}") from error
