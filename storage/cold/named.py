"""Whether a payload names one of the meters that a reader wants, told without opening it."""

from typing import Final

import msgspec

_FEW: Final = 4
"""So many names are found sooner by their bytes than by reading all that the payload has."""


class _Wire(msgspec.Struct, array_like=True):
    """What runs and events begin with."""

    format: int
    meters: list[str]


_names: Final = msgspec.msgpack.Decoder(_Wire)


class Named:
    """Looks for `meters` in payloads."""

    def __init__(self, meters: frozenset[str]) -> None:
        self._meters = meters
        self._encoded = [name.encode() for name in meters] if len(meters) <= _FEW else None

    def may_be_in(self, payload: bytes) -> bool:
        """False only where a payload certainly names none of them."""
        if self._encoded is not None:
            return any(name in payload for name in self._encoded)
        try:
            return not self._meters.isdisjoint(_names.decode(payload).meters)
        except msgspec.MsgspecError:
            return True
