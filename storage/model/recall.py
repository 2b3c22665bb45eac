"""What zones ask each other about blocks: to have them, or to know that the other has them."""

from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from storage.model.block import SLOT, BlockKey
from storage.model.event_block import EVENT, EventKey
from storage.model.runs import DAY_S

MEDIA_TYPE: Final = "application/x-gridfaas-recall"
MOST_BLOCKS: Final = 2_000
"""Of slots and of events together in one question."""
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_LEVEL: Final = 1

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Day = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
Source = Literal["hot", "cold", "archive"]


class RecallUnreadable(ValueError):
    """The bytes are no question or answer about blocks."""


class _Key(msgspec.Struct, frozen=True, array_like=True):
    meter_id: Name
    register: Name
    day: Day
    interval_s: Annotated[int, msgspec.Meta(ge=0, le=DAY_S)]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Blocks of slots, blocks of events; `record`: as headquarters has them, no zone between."""

    blocks: Annotated[list[_Key], msgspec.Meta(max_length=MOST_BLOCKS)] = []
    events: Annotated[list[_Key], msgspec.Meta(max_length=MOST_BLOCKS)] = []
    record: bool = False

    @classmethod
    def of(
        cls, blocks: list[BlockKey], events: list[EventKey], *, record: bool = False
    ) -> "Question":
        """Ask about these."""
        return cls(blocks=_keys(blocks), events=_keys(events), record=record)

    def block_keys(self) -> list[BlockKey]:
        """The blocks of slots."""
        return [BlockKey(*_fields(key)) for key in self.blocks]

    def event_keys(self) -> list[EventKey]:
        """The blocks of events."""
        return [EventKey(*_fields(key)) for key in self.events]


class Recalled(msgspec.Struct, frozen=True, array_like=True):
    """A block as its holder has it: `at` is its place in the question, `body` its slots.

    `zone` and `source` say whose it is, `as_of_us` when the newest acknowledged entry came that it
    can rest on, in microseconds since 1970 by the clock of its edge; 0 is unknown.
    """

    at: int
    body: bytes
    zone: str
    source: Source
    as_of_us: int


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Blocks of a question that exist; those that exist nowhere are left out.

    `unreachable` are the places in the question that could not be asked for, with `reason`.
    `as_of_us` is of the last zone asked, whose word it is that the rest does not exist.
    """

    zone: str
    as_of_us: int
    blocks: list[Recalled] = []
    events: list[Recalled] = []
    unreachable_blocks: list[int] = []
    unreachable_events: list[int] = []
    reason: str = ""


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """What the record has of a block: a digest (empty: nothing), and why it should stay hot."""

    digest: bytes
    holds: list[str] = []


class ProofAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Proofs in the order of the question."""

    zone: str
    as_of_us: int
    blocks: list[Proof]
    events: list[Proof]


class HistoryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Versions that do not count now, by the place of their block: (place, value, class)."""

    blocks: dict[int, list[tuple[int, int, int]]] = {}
    events: dict[int, list[tuple[int, int, int]]] = {}


def slots_of(recalled: Recalled) -> NDArray[np.void]:
    """The slots of a recalled block.

    Raises:
        RecallUnreadable: they are no whole number of slots.
    """
    return _array(recalled.body, SLOT)


def events_of(recalled: Recalled) -> NDArray[np.void]:
    """The events of a recalled block; raises as `slots_of`."""
    return _array(recalled.body, EVENT)


def encode(message: Any) -> bytes:
    """Return the bytes of a question or an answer, compressed."""
    return zstandard.compress(msgspec.msgpack.encode(message), _LEVEL)


def decode_question(body: bytes) -> Question:
    """Read a question of at most `MOST_BLOCKS` blocks.

    Raises:
        RecallUnreadable: it is something else, or asks for more.
    """
    question: Question = decode(body, Question)
    if len(question.blocks) + len(question.events) > MOST_BLOCKS:
        raise RecallUnreadable(f"more than {MOST_BLOCKS} blocks in one question")
    if any(key.interval_s < 60 or DAY_S % key.interval_s for key in question.blocks):
        raise RecallUnreadable("a block of slots has an interval length that divides no day")
    return question


def decode(body: bytes, kind: Any) -> Any:
    """Read a message of type `kind`.

    Raises:
        RecallUnreadable: it is something else, or larger than `MAX_ANSWER_BYTES`.
    """
    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(body) as reader:
            plain = reader.read(MAX_ANSWER_BYTES + 1)
        if len(plain) > MAX_ANSWER_BYTES:
            raise RecallUnreadable(f"more than {MAX_ANSWER_BYTES} bytes")
        return msgspec.msgpack.decode(plain, type=kind)
    except (msgspec.MsgspecError, zstandard.ZstdError) as error:
        raise RecallUnreadable(str(error)) from error


def _array(body: bytes, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    try:
        return np.frombuffer(body, dtype=dtype)
    except ValueError as error:
        raise RecallUnreadable(f"not whole slots: {error}") from error


def _keys(keys: list[BlockKey] | list[EventKey]) -> list[_Key]:
    return [_Key(key.meter_id, key.register, key.day, key.interval_s) for key in keys]


def _fields(key: _Key) -> tuple[str, str, int, int]:
    return key.meter_id, key.register, key.day, key.interval_s
