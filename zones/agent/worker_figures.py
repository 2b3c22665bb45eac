"""The metrics of the zone's workers, of those that are gone too."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from zones.agent.exposition import MAX_SERIES, Family

MAX_KEPT_SERIES: Final = 2 * MAX_SERIES
"""A function that invents labels in every life starts over from zero, as a counter may."""

Families = Mapping[str, Family]


@dataclass(slots=True)
class _Group:
    """One function of one tenant: what its ended workers counted, and what its live ones say."""

    ended: dict[str, Family] = field(default_factory=dict)
    live: dict[str, Families] = field(default_factory=dict)


class WorkerFigures(Collector):
    """Counters and histograms are sums over a group's workers, dead ones included.

    Gauges are those of live workers only; where several say the same gauge, the highest counts,
    as they describe a store that the group shares.
    """

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], _Group] = {}

    def said(self, group: tuple[str, str], instance: str, families: Families) -> None:
        """Take note of what a live worker of a (tenant, function) exposes now."""
        self._groups.setdefault(group, _Group()).live[instance] = families

    def ended(self, group: tuple[str, str], instance: str) -> None:
        """Keep what the worker counted; what it counted since it was last asked is lost."""
        known = self._groups.get(group)
        last = None if known is None else known.live.pop(instance, None)
        if known is None or last is None:
            return
        for name, family in last.items():
            if family.kind != "gauge":
                _add(known.ended, name, family)
        if sum(len(family.values) for family in known.ended.values()) > MAX_KEPT_SERIES:
            known.ended.clear()

    def collect(self) -> Iterator[Metric]:
        """Give every family once, over all groups."""
        merged: dict[str, Family] = {}
        for group in self._groups.values():
            for families in (group.ended, *group.live.values()):
                for name, family in families.items():
                    _add(merged, name, family)
        for name, family in sorted(merged.items()):
            metric = Metric(name, family.help, family.kind)
            for (sample, labels), value in sorted(family.values.items(), key=_bucket_order):
                metric.add_sample(sample, dict(labels), value)
            yield metric

    def describe(self) -> Iterable[Metric]:
        """Name nothing beforehand: what workers expose is theirs to choose."""
        return ()


def _add(total: dict[str, Family], name: str, family: Family) -> None:
    held = total.get(name)
    if held is None:
        total[name] = Family(family.kind, family.help, dict(family.values))
        return
    if held.kind != family.kind:
        return
    for series, value in family.values.items():
        before = held.values.get(series)
        if before is None:
            held.values[series] = value
        else:
            held.values[series] = max(before, value) if held.kind == "gauge" else before + value


def _bucket_order(
    item: tuple[tuple[str, tuple[tuple[str, str], ...]], float],
) -> tuple[str, list[tuple[str, str]], float]:
    """Order series by name and labels, and a histogram's buckets by their bounds."""
    (name, labels), _ = item
    bound = next((float(value) for key, value in labels if key == "le"), math.inf)
    return name, [pair for pair in labels if pair[0] != "le"], bound
