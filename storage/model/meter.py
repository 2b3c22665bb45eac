"""A meter as a zone's registry knows it: what it measures, how often, and where it hangs."""

from typing import NamedTuple

import msgspec
from msgspec import UNSET, UnsetType


class RegistryPosition(NamedTuple):
    """How far a copy of a tenant's registry has come; positions compare in the order of time.

    Versions count within an incarnation, which a restored record begins anew: UTC in
    microseconds, as in `storage.platform.snapshot.Position`.
    """

    incarnation: int
    version: int


class EarlierLength(msgspec.Struct, frozen=True, array_like=True):
    """Intervals were `interval_s` long until `until_s`, in seconds since 1970."""

    until_s: int
    interval_s: int


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a virtual meter: another meter's intervals, `weight` times.

    `register` is the part's register, None for the one that is asked of the virtual meter.
    """

    meter_id: str
    weight: float = 1.0
    register: str | None = None


class Formula(msgspec.Struct, frozen=True, kw_only=True):
    """The parts whose weighted sum a virtual meter is from `since_s` on.

    That is a midnight UTC, in seconds since 1970.
    """

    since_s: int
    terms: tuple[Term, ...]


class Meter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One meter of a tenant, at one version of its registry.

    `registers` are OBIS codes, `interval_s` the length of an interval in seconds, from
    `interval_since_s` (seconds since 1970) on; `earlier` says what it was before, oldest first.
    `dials` is the number of decimal digits before a register rolls over, `multiplier` the
    ratio of its instrument transformers, `feeder` and `transformer` (the one of the grid) name
    where it hangs, `time_zone` is an IANA name. `version` is the registry's version that last
    changed this meter: it rises with each change within a tenant, so "everything after version v"
    is well defined. `formulas`, by rising `since_s`, make a virtual meter, which has no readings
    of its own.
    """

    meter_id: str
    registers: tuple[str, ...]
    interval_s: int
    dials: int = 8
    multiplier: int = 1
    service_point: str | None = None
    feeder: str | None = None
    transformer: str | None = None
    time_zone: str = "UTC"
    active: bool = True
    version: int = 0
    interval_since_s: int = 0
    earlier: tuple[EarlierLength, ...] = ()
    # Not written where there are none: a registry is mostly of other meters.
    formulas: tuple[Formula, ...] | UnsetType = UNSET

    @property
    def is_virtual(self) -> bool:
        """Whether it is computed from other meters."""
        return self.formulas is not UNSET

    def terms_on(self, second: int) -> tuple[Term, ...]:
        """The parts that hold at `second`; none before the first formula, and of other meters."""
        held: tuple[Term, ...] = ()
        for formula in () if self.formulas is UNSET else self.formulas:
            if formula.since_s > second:
                break
            held = formula.terms
        return held


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Meter)


def encode_meter(meter: Meter) -> bytes:
    """Return the bytes that `decode_meter` reads back; unknown fields are skipped there."""
    return _encoder.encode(meter)


def decode_meter(record: bytes) -> Meter:
    """Read one meter back.

    Raises:
        msgspec.MsgspecError: the bytes are not a meter.
    """
    return _decoder.decode(record)
