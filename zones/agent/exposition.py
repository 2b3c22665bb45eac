"""What one worker's /metrics says, taken as far as its agent may believe it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

MAX_SERIES: Final = 2_000
MAX_LABEL_BYTES: Final = 128
KINDS: Final = frozenset({"counter", "gauge", "histogram"})
# Names that the platform's processes use for themselves, and instants, whose sum says nothing.
_NOT_A_WORKERS: Final = re.compile(
    r"(process|python|gateway|go|prometheus)_|up$|scrape_|gridfaas_(build|instance|snapshot|zygote"
    r"|zone|(?:hot|cold)_(?!storage_)|worker)|.*_created$"
)

Labels = tuple[tuple[str, str], ...]
Series = tuple[str, Labels]


class ExpositionRefused(Exception):
    """The worker's answer is not one that can be taken; the message says why."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: the values of its series by sample name and sorted labels."""

    kind: str
    help: str
    values: dict[Series, float] = field(default_factory=dict)


def read_exposition(text: str, *, forced: Mapping[str, str]) -> dict[str, Family]:
    """Parse Prometheus text to families by name; each series gets the labels of `forced`.

    A worker speaks for itself alone: what it says of the `forced` labels is not believed, and
    families of other kinds, or of names that are the platform's own, are left out.

    Raises:
        ExpositionRefused: not Prometheus text, or more than `MAX_SERIES` series.
    """
    families: dict[str, Family] = {}
    series = 0
    try:
        for metric in text_string_to_metric_families(text):
            if metric.type not in KINDS or _NOT_A_WORKERS.match(metric.name):
                continue
            family = families.setdefault(metric.name, Family(metric.type, metric.documentation))
            series += _take(metric, family, forced)
            if series > MAX_SERIES:
                raise ExpositionRefused(f"more than {MAX_SERIES} series")
    except (ValueError, KeyError, IndexError) as error:
        raise ExpositionRefused(f"not Prometheus text: {error}") from error
    return families


def _take(metric: Metric, family: Family, forced: Mapping[str, str]) -> int:
    if metric.type != family.kind:
        return 0
    taken = 0
    for sample in metric.samples:
        if sample.name.endswith("_created"):
            continue
        if any(len(value) > MAX_LABEL_BYTES for value in sample.labels.values()):
            raise ExpositionRefused(f"a label of {metric.name} is too long")
        labels = {**sample.labels, **forced}
        family.values[sample.name, tuple(sorted(labels.items()))] = float(sample.value)
        taken += 1
    return taken
