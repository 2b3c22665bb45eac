"""Hot or cold: a list of reasons, of which the first that is true of a block decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.hot_storage.features import Features
from functions.hot_storage.policy import HotPolicy

Tier = Literal["hot", "cold"]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason to keep a block in a tier; `holds` says of which blocks it is true."""

    name: str
    tier: Tier
    says: str
    holds: Callable[[Features, HotPolicy], Mask]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """For each of B blocks whether it is `hot`, and which of `reasons` decided."""

    hot: Mask
    decided_by: NDArray[np.intp]
    reasons: tuple[Reason, ...]
    true: NDArray[np.bool_]
    """Shape (reasons, B): every reason that is true of a block, not only the one that decided."""


class Classifier(Protocol):
    """Decides blocks from features and parameters, and from nothing else."""

    def __call__(self, features: Features, policy: HotPolicy) -> Verdicts:
        """Decide every block."""


def by(*reasons: Reason) -> Classifier:
    """A classifier of reasons in their order; the last must be true of every block."""

    def classify(features: Features, policy: HotPolicy) -> Verdicts:
        true = np.array([reason.holds(features, policy) for reason in reasons])
        decided_by = np.argmax(true, axis=0)
        is_hot = np.array([reason.tier == "hot" for reason in reasons])
        return Verdicts(hot=is_hot[decided_by], decided_by=decided_by, reasons=reasons, true=true)

    return classify


def _pressed(features: Features, policy: HotPolicy) -> bool:
    return features.pressure >= policy.pressure_share


def _young(features: Features, policy: HotPolicy) -> Mask:
    limit = policy.pressed_days if _pressed(features, policy) else policy.hot_days
    young: Mask = features.age_days < min(limit, policy.hot_days)
    return young


def _too_old(features: Features, policy: HotPolicy) -> Mask:
    old: Mask = features.age_days >= policy.longest_days
    return old


def _read_often(features: Features, policy: HotPolicy) -> Mask:
    often: Mask = features.reads >= policy.keep_reads
    return often & (not _pressed(features, policy))


def _every(features: Features, _: HotPolicy) -> Mask:
    return np.ones(len(features), dtype=np.bool_)


HELD: Final = Reason(
    "held",
    "hot",
    "a hold names its day: active demand response, or another",
    lambda features, _: features.held,
)
EXCEPTIONS: Final = Reason(
    "open-exceptions",
    "hot",
    "an exception about it is open",
    lambda features, policy: features.exceptions & policy.keep_open_exceptions,
)
BILLING: Final = Reason(
    "open-billing-period",
    "hot",
    "its billing period is open",
    lambda features, policy: features.billing_open & policy.keep_open_billing,
)
YOUNG: Final = Reason(
    "young", "hot", "younger than hot_days, or than pressed_days when memory is short", _young
)
TOO_OLD: Final = Reason("beyond-longest", "cold", "older than longest_days", _too_old)
READ_OFTEN: Final = Reason("read-often", "hot", "read keep_reads times or more", _read_often)
QUIET: Final = Reason("quiet", "cold", "old, and hardly read", _every)

CLASSIFIERS: Final[Mapping[str, Classifier]] = {
    "access": by(HELD, EXCEPTIONS, BILLING, YOUNG, TOO_OLD, READ_OFTEN, QUIET),
    "age": by(HELD, EXCEPTIONS, YOUNG, QUIET),
}
"""By the name that a tenant's policy says; another is a function of the same form in this table."""


def classify(features: Features, policy: HotPolicy) -> Verdicts:
    """Decide by the classifier that the policy names."""
    return CLASSIFIERS[policy.classifier](features, policy)
