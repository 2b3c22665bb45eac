"""Findings of validation on their way to headquarters: what was found, and what holds no more."""

from typing import Final, Self

import msgspec

from storage.model.runs import PayloadUnreadable

FORMAT: Final = 3
# What MessagePack begins an array of four with, and the format as the first of them.
_HEAD: Final = bytes((0x94, FORMAT))


class Finding(msgspec.Struct, frozen=True, array_like=True):
    """A rule fails on `count` consecutive intervals of a block, from `first_slot` on.

    `day` counts UTC days since 1970. Of a register read `interval_s` is 0 and `first_slot` is the
    second of the day.
    """

    meter_id: str
    register: str
    day: int
    interval_s: int
    first_slot: int
    count: int
    rule: str
    severity: str
    iec_code: str | None
    rule_group: str
    group_version: int


class Withdrawn(msgspec.Struct, frozen=True, array_like=True):
    """What was found at this place by this rule holds no more: other readings came."""

    meter_id: str
    register: str
    day: int
    interval_s: int
    first_slot: int
    rule: str


class _Wire(msgspec.Struct, array_like=True):
    format: int
    zone: str
    found: list[Finding]
    withdrawn: list[Withdrawn]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)


class FindingBatch(msgspec.Struct, frozen=True):
    """What one turn of validation in `zone` found and withdrew; a place is in one of them only."""

    zone: str
    found: list[Finding]
    withdrawn: list[Withdrawn]

    def encode(self) -> bytes:
        """Return the bytes that `decode` reads back."""
        return _encoder.encode(
            _Wire(format=FORMAT, zone=self.zone, found=self.found, withdrawn=self.withdrawn)
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read a batch back from its bytes.

        Raises:
            PayloadUnreadable: not a batch of findings.
        """
        try:
            wire = _decoder.decode(payload)
        except msgspec.MsgspecError as error:
            raise PayloadUnreadable(f"not a batch of findings: {error}") from error
        if wire.format != FORMAT:
            raise PayloadUnreadable(f"format {wire.format} is not that of findings")
        return cls(wire.zone, wire.found, wire.withdrawn)


def is_findings(payload: bytes) -> bool:
    """Whether an uplink entry's payload is findings, and no readings."""
    return payload.startswith(_HEAD)
