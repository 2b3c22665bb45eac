"""What a tenant may set for its hot tier: the parameters of the classifier and of recall."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

import msgspec

from storage.model.runs import DAY_S

Days = Annotated[float, msgspec.Meta(ge=0, le=36_500)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]


class PolicyRefused(ValueError):
    """A parameter has an unknown name or a value that it cannot have; names it."""


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days from `since` up to `until` (excluded) that stay hot, of all meters or of `meter_ids`."""

    since: date
    until: date
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "active-dr"
    meter_ids: Annotated[list[str], msgspec.Meta(max_length=10_000)] = []

    @property
    def days(self) -> range:
        """The UTC days since 1970."""
        return range(day_of(self.since), day_of(self.until))


class HotPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ages count from the end of a block's day, in days; reads fade by half each `half_life_days`.

    A block younger than `hot_days` is hot; one that is older stays while it has `keep_reads`, but
    not beyond `longest_days`. Above `pressure_share` of the tenant's memory `pressed_days` takes
    the place of `hot_days`, and reads keep nothing. The billing period that is open began at
    `billing_day` of this or the last month, and the one before it is open for `billing_grace_days`
    more. A block that was fetched `promote_reads` times is kept here again. `holds` are days
    that stay hot: of active demand response, of a dispute.
    """

    classifier: Literal["access", "age"] = "access"
    hot_days: Days = 45
    pressed_days: Days = 7
    longest_days: Days = 400
    keep_reads: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    half_life_days: Annotated[float, msgspec.Meta(gt=0)] = 14.0
    promote_reads: Annotated[float, msgspec.Meta(gt=0)] = 3.0
    pressure_share: Share = 0.8
    keep_open_billing: bool = True
    billing_day: Annotated[int, msgspec.Meta(ge=1, le=28)] = 1
    billing_grace_days: Annotated[int, msgspec.Meta(ge=0, le=366)] = 14
    keep_open_exceptions: bool = True
    holds: Annotated[list[Hold], msgspec.Meta(max_length=100)] = []
    demote: bool = True
    memory_limit_bytes: Positive = 2 << 30
    promoted_bytes: Annotated[int, msgspec.Meta(ge=0)] = 64 << 20

    def billing_opens(self, today: int) -> int:
        """First UTC day of the billing periods that are open on day `today`."""
        at = _date_of(today)
        opened = at.replace(day=self.billing_day)
        if opened > at:
            opened = _a_month_before(opened)
        if at - opened < timedelta(days=self.billing_grace_days):
            opened = _a_month_before(opened)
        return day_of(opened)


def read_policy(settings: dict[str, Any]) -> HotPolicy:
    """Read a tenant's settings of `hot_storage`.

    Raises:
        PolicyRefused: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        return msgspec.convert(settings, HotPolicy)
    except msgspec.ValidationError as error:
        raise PolicyRefused(f"settings of hot_storage: {error}") from error


def day_of(at: date) -> int:
    """Count UTC days since 1970."""
    return int(datetime.combine(at, time(), UTC).timestamp()) // DAY_S


def _date_of(day: int) -> date:
    return datetime.fromtimestamp(day * DAY_S, UTC).date()


def _a_month_before(at: date) -> date:
    # Every month has the days that `billing_day` can be.
    return (at.replace(day=1) - timedelta(days=1)).replace(day=at.day)
