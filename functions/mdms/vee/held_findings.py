"""What a zone holds of findings: by block, runs of slots that fail, and what changes them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.name_table import NameTable
from storage.model.findings import Finding, Withdrawn
from storage.model.stretches import stretch_lengths


class HeldRun(msgspec.Struct, frozen=True, array_like=True):
    """Slots `first` to `first + count` of a block fail by a rule, as a group's version has it."""

    rule: str
    first: int
    count: int
    severity: str
    iec_code: str | None
    group: str
    version: int

    @property
    def said(self) -> tuple[str, int, int, str, str | None]:
        """What headquarters is told; by whose version it was first found is no news."""
        return self.rule, self.first, self.count, self.severity, self.iec_code


@dataclass(frozen=True, slots=True, order=True)
class BlockName:
    """A block as the hash of findings names it; of register reads `interval_s` is 0."""

    meter_id: str
    register: str
    day: int
    interval_s: int

    @property
    def text(self) -> str:
        """`read_name` reads it back."""
        return f"{self.day}:{self.interval_s}:{self.register}/{self.meter_id}"


def read_name(text: str) -> BlockName:
    """Read a block's name back."""
    head, _, meter_id = text.partition("/")
    day, interval_s, register = head.split(":", 2)
    return BlockName(meter_id, register, int(day), int(interval_s))


class FindingHolders:
    """Who has findings, and of which rules: nobody is missing, some may have lost theirs since, and
    of very many some never had any. Memory has a bound, a table a rule."""

    def __init__(self) -> None:
        self._any = NameTable()
        self._of_rule: defaultdict[str, NameTable] = defaultdict(NameTable)
        self._added = self._at_first = 0

    def add(self, meter_id: str, runs: Sequence[HeldRun]) -> None:
        """A meter has these."""
        if runs:
            self._added += 1
            self._any.add(meter_id)
        for run in runs:
            self._of_rule[run.rule].add(meter_id)

    def all_added(self) -> None:
        """Everything that is held was added; what is added from now on may replace some of it."""
        self._at_first, self._added = self._added, 0

    def are_worn(self, least: int) -> bool:
        """Whether most may have lost theirs: twice as many were added as at first, and `least`."""
        return self._added > max(least, 2 * self._at_first)

    def __contains__(self, meter_id: str) -> bool:
        """Whether the meter has any."""
        return meter_id in self._any

    def mask(self, meters: Sequence[str], rules: AbstractSet[str]) -> NDArray[np.bool_]:
        """Which of the meters have findings of one of the rules: (meters,)."""
        found = np.zeros(len(meters), dtype=np.bool_)
        for rule in rules:
            if rule in self._of_rule:
                found |= self._of_rule[rule].mask(meters)
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's slots that fail, (slots,), with the severity and code that they get."""

    rule: str
    severity: str
    iec_code: str | None
    mask: NDArray[np.bool_]


_decoder = msgspec.msgpack.Decoder(list[HeldRun])
_encoder = msgspec.msgpack.Encoder()


def read_runs(record: bytes) -> list[HeldRun]:
    """The runs of a record."""
    return _decoder.decode(record)


def write_runs(runs: Sequence[HeldRun]) -> bytes:
    """The record of runs, empty for none."""
    return _encoder.encode(sorted(runs, key=lambda run: (run.rule, run.first))) if runs else b""


def judged_again(
    held: Sequence[HeldRun],
    verdicts: Iterable[Verdict],
    *,
    slots: int,
    begin: int,
    end: int,
    kept: frozenset[str],
    group: str,
    version: int,
) -> list[HeldRun]:
    """The runs of a block of `slots` once slots `begin` to `end` were judged by rules.

    Outside of them, and of the rules `kept`, what is held stays; what a rule without a verdict has
    there goes. A verdict's mask is of those slots.
    """
    found = [run for run in held if run.rule in kept]
    before = {run.said: run for run in held}
    masks: dict[tuple[str, str, str | None], NDArray[np.bool_]] = {}
    for run in held:
        if run.rule not in kept:
            mask = masks.setdefault(
                (run.rule, run.severity, run.iec_code), np.zeros(slots, dtype=np.bool_)
            )
            mask[run.first : run.first + run.count] = True
    for mask in masks.values():
        mask[begin:end] = False
    for one in verdicts:
        key = one.rule, one.severity, one.iec_code
        mask = masks.setdefault(key, np.zeros(slots, dtype=np.bool_))
        mask[begin:end] |= one.mask
    for (rule, severity, iec_code), mask in masks.items():
        begins = np.ones(slots, dtype=np.bool_)
        begins[1:] = mask[1:] != mask[:-1]
        heads = np.flatnonzero(begins)
        lengths = stretch_lengths(heads, slots)
        for first, count in zip(heads.tolist(), lengths.tolist(), strict=True):
            if mask[first]:
                run = HeldRun(rule, first, count, severity, iec_code, group, version)
                found.append(before.get(run.said, run))
    return found


def news(
    before: Mapping[BlockName, Sequence[HeldRun]], after: Mapping[BlockName, Sequence[HeldRun]]
) -> tuple[list[Finding], list[Withdrawn]]:
    """What headquarters has to be told: runs that are new or differ, and places without any."""
    found: list[Finding] = []
    withdrawn: list[Withdrawn] = []
    for name in sorted(after):
        old, new = before.get(name, ()), after[name]
        known = {run.said for run in old}
        place = name.meter_id, name.register, name.day, name.interval_s
        found += (
            Finding(
                *place,
                run.first,
                run.count,
                run.rule,
                run.severity,
                run.iec_code,
                run.group,
                run.version,
            )
            for run in sorted(new, key=lambda run: (run.rule, run.first))
            if run.said not in known
        )
        left = {(run.rule, run.first) for run in new}
        gone = {(run.rule, run.first) for run in old} - left
        withdrawn += (Withdrawn(*place, first, rule) for rule, first in sorted(gone))
    return found, withdrawn
