"""A line of a function's log: what a worker wrote, and what the agent knows of it."""

from typing import Any, Final

import msgspec

STRUCTURED: Final = b"\x1e"
"""A worker puts this before a line that is JSON with members of `LogLine`; all else is text."""
MAX_LINE_BYTES: Final = 16 * 1024


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`at` is UTC (RFC 3339), `instance` the worker; `call` is empty where no call is known."""

    at: str
    instance: str
    text: str
    call: str = ""
    level: str = ""
    fields: dict[str, Any] = {}


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    """What the runtime writes of a line; an unknown member is skipped."""

    text: str
    call: str = ""
    level: str = ""
    fields: dict[str, Any] = {}


_decoder = msgspec.json.Decoder(_Written)
_line_decoder = msgspec.json.Decoder(LogLine)
_encoder = msgspec.json.Encoder()


def line_of(written: bytes, *, instance: str, at: str) -> LogLine:
    """Read one line that the worker `instance` wrote; whatever it is, it becomes a line."""
    if written.startswith(STRUCTURED):
        try:
            said = _decoder.decode(written[1:])
        except (msgspec.DecodeError, RecursionError):
            # Whatever a function writes, and however deep it nests.
            pass
        else:
            return LogLine(
                at=at,
                instance=instance,
                text=said.text,
                call=said.call,
                level=said.level,
                fields=said.fields,
            )
    return LogLine(at=at, instance=instance, text=written.decode("utf-8", "replace"))


def encode_line(line: LogLine) -> bytes:
    """Return the line as JSON that ends with a newline."""
    return _encoder.encode(line) + b"\n"


def decode_line(stored: bytes) -> LogLine | None:
    """Read a stored line; None for one that was cut off, or that nests too deep."""
    try:
        return _line_decoder.decode(stored)
    except (msgspec.DecodeError, RecursionError):
        return None
