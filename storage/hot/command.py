"""A command as it goes over the wire."""

from collections.abc import Callable, Sequence
from typing import Final, cast

import hiredis

Argument = str | bytes | int
# hiredis declares a tuple of one element where it takes any number.
_pack = cast(Callable[[tuple[Argument, ...]], bytes], hiredis.pack_command)
# Fewer names than this are packed as fast one by one.
_MANY: Final = 16


def pack_command(command: Sequence[Argument | Sequence[Argument]]) -> bytes:
    """Pack a command whose arguments may be sequences, which are spread out.

    A batch names a block a run: many names of one length, which are joined in one go.
    """
    pieces: list[bytes | memoryview] = []
    single: list[Argument] = []
    count = 0
    for part in command:
        if isinstance(part, str | bytes | int):
            single.append(part)
            count += 1
            continue
        count += len(part)
        joined = _joined(part)
        if joined is None:
            single.extend(part)
        else:
            pieces += (_body(single), joined)
            single = []
    pieces.append(_body(single))
    return b"".join((b"*%d\r\n" % count, *pieces))


def pack_each(
    before: Sequence[Argument], names: Sequence[str], after: Sequence[Argument]
) -> list[bytes]:
    """Pack one command a name, which has the name between the same arguments."""
    head = b"*%d\r\n%b" % (len(before) + 1 + len(after), bytes(_body(list(before))))
    tail = b"\r\n%b" % bytes(_body(list(after)))
    encoded = [name.encode() for name in names]
    return [b"%b$%d\r\n%b%b" % (head, len(name), name, tail) for name in encoded]


def _joined(names: Sequence[Argument]) -> bytes | None:
    """Pack names if they are many and of one length in ASCII, else return None."""
    if len(names) < _MANY or set(map(type, names)) != {str}:
        return None
    texts = cast(Sequence[str], names)
    length = len(texts[0])
    if len(set(map(len, texts))) > 1:
        return None
    frame = f"\r\n${length}\r\n"
    text = frame.join(texts)
    return f"{frame[2:]}{text}\r\n".encode() if text.isascii() else None


def _body(arguments: list[Argument]) -> memoryview:
    """Pack arguments without the head that counts them, which is left out without a copy."""
    if not arguments:
        return memoryview(b"")
    packed = _pack(tuple(arguments))
    return memoryview(packed)[packed.index(b"\n") + 1 :]
