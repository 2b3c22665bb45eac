"""What a zone holds of findings: by block, runs of slots that fail, and what changes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

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
