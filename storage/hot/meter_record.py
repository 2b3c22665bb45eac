"""A meter as the zone's copy of the registry keeps it: what many meters share is kept once.

Registers, interval length, dials, multiplier and time zone are a shape, which a record names.
Layout of a record as in registry.lua; its first four bytes, the meter's number, are the library's.
"""

import zlib
from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from storage.model.meter import EarlierLength, Formula, Meter

NO_BUCKET: Final = 0xFFFF
BUCKETS: Final = 1 << 14
"""Labels of a kind share so many lists of meters."""
_NUMBER_BYTES: Final = 4
_HEAD: Final = Struct("<HHHIH8s")
_MOST_SHAPES: Final = 10_000
_AT_REST: Final = _NUMBER_BYTES + _HEAD.size


class _Shape(msgspec.Struct, frozen=True, array_like=True):
    registers: tuple[str, ...]
    interval_s: int
    dials: int
    multiplier: int
    time_zone: str


class _Rest(msgspec.Struct, frozen=True, array_like=True):
    service_point: str | None
    feeder: str | None
    transformer: str | None
    active: bool = True
    interval_since_s: int = 0
    earlier: tuple[EarlierLength, ...] = ()
    formulas: tuple[Formula, ...] | None = None


_encode = msgspec.msgpack.Encoder().encode
_rest = msgspec.msgpack.Decoder(_Rest)
_shape = msgspec.msgpack.Decoder(_Shape)
_ShapeKey = tuple[tuple[str, ...], int, int, int, str]


class UnknownShape(LookupError):
    """Records name shapes that were not learned yet; `names` says which."""

    def __init__(self, names: Sequence[bytes]) -> None:
        super().__init__(f"{len(names)} shapes are not known")
        self.names = list(names)


def label_bucket(label: str | None) -> int:
    """Which list a meter with this label is in, of those of the label's kind."""
    return NO_BUCKET if label is None else zlib.crc32(label.encode()) % BUCKETS


class MeterRecords:
    """Writes and reads records; remembers a bounded number of shapes."""

    def __init__(self) -> None:
        self._named: dict[_ShapeKey, tuple[bytes, bytes]] = {}
        self._known: dict[bytes, _Shape] = {}

    def encode(self, meter: Meter, shapes: dict[bytes, bytes]) -> bytes:
        """The record without its number; its shape's name and text are added to `shapes`."""
        key = meter.registers, meter.interval_s, meter.dials, meter.multiplier, meter.time_zone
        named = self._named.get(key)
        if named is None:
            if len(self._named) >= _MOST_SHAPES:
                self._named.clear()
            text = _encode(_Shape(*key))
            named = self._named[key] = blake2b(text, digest_size=8).digest(), text
        shapes[named[0]] = named[1]
        head = _HEAD.pack(
            label_bucket(meter.feeder),
            label_bucket(meter.transformer),
            label_bucket(meter.service_point),
            meter.version & 0xFFFFFFFF,
            meter.version >> 32,
            named[0],
        )
        rest: tuple[object, ...] = (meter.service_point, meter.feeder, meter.transformer)
        if not (meter.active and not meter.interval_since_s and not meter.earlier) or (
            meter.is_virtual
        ):
            rest += (meter.active, meter.interval_since_s, meter.earlier)
            rest += (meter.formulas,) if meter.is_virtual else ()
        return head + _encode(rest)

    def decode(self, meter_ids: Sequence[str], records: Sequence[bytes]) -> list[Meter]:
        """The meters of these records.

        Raises:
            UnknownShape: `learn` those and ask again.
            msgspec.MsgspecError, struct.error: a record is none.
        """
        known = self._known
        heads = [_HEAD.unpack_from(record, _NUMBER_BYTES) for record in records]
        unknown = {head[5] for head in heads} - known.keys()
        if unknown:
            raise UnknownShape(sorted(unknown))
        rests = [_rest.decode(record[_AT_REST:]) for record in records]
        return [
            _meter(meter_id, known[head[5]], head[3] | head[4] << 32, rest)
            for meter_id, head, rest in zip(meter_ids, heads, rests, strict=True)
        ]

    def learn(self, shapes: dict[bytes, bytes]) -> None:
        """Take in the texts of shapes by name."""
        if len(self._known) + len(shapes) > _MOST_SHAPES:
            self._known.clear()
        self._known |= {name: _shape.decode(text) for name, text in shapes.items()}


def _meter(meter_id: str, shape: _Shape, version: int, rest: _Rest) -> Meter:
    formulas: tuple[Formula, ...] | UnsetType = UNSET if rest.formulas is None else rest.formulas
    return Meter(
        meter_id=meter_id,
        registers=shape.registers,
        interval_s=shape.interval_s,
        dials=shape.dials,
        multiplier=shape.multiplier,
        service_point=rest.service_point,
        feeder=rest.feeder,
        transformer=rest.transformer,
        time_zone=shape.time_zone,
        active=rest.active,
        version=version,
        interval_since_s=rest.interval_since_s,
        earlier=rest.earlier,
        formulas=formulas,
    )
