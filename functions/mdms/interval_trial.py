"""What rules of intervals say of a trial's meter: masks, what changes between them, and runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.mdms.period_query import Page
from functions.mdms.vee.rule import Stretch
from functions.mdms.vee.rule_group import Applied
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.stretches import stretch_lengths

Key = tuple[str, str | None]
"""A rule and its code."""


def masks_of(rules: Sequence[Applied], stretch: Stretch) -> dict[Key, NDArray[np.bool_]]:
    """Which of the first meter's intervals fail, by rule and code."""
    return {
        (one.rule.name, suspects.iec_code): suspects.mask[0]
        for one in rules
        for suspects in one.rule.suspects(stretch)
    }


def newly_failing(
    these: dict[Key, NDArray[np.bool_]], others: dict[Key, NDArray[np.bool_]]
) -> dict[Key, NDArray[np.bool_]]:
    """What fails by these and not by the others."""
    return {key: mask & ~others[key] if key in others else mask for key, mask in these.items()}


def interval_findings(
    rules: Sequence[Applied], masks: dict[Key, NDArray[np.bool_]], page: Page
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


def is_estimate(slots: NDArray[np.void]) -> NDArray[np.bool_]:
    estimate: NDArray[np.bool_] = CLASS_OF_QUALITY[slots["quality"]] == QualityClass.ESTIMATED
    return estimate
