"""What a function writes, as lines that its zone's agent keeps: with the call that wrote them."""

import io
import logging
import os
import sys
import traceback
from contextvars import ContextVar
from typing import Any, Final

import msgspec

current_call: ContextVar[str] = ContextVar("current_call", default="")
"""The id of the call that the running task serves."""
STRUCTURED: Final = b"\x1e"
MAX_TEXT: Final = 8 * 1024

_encoder = msgspec.json.Encoder(enc_hook=str)


def entry(text: str, *, level: str = "", fields: dict[str, Any] | None = None) -> bytes:
    """Encode one entry: a line that the agent takes apart again."""
    said: dict[str, Any] = {"text": text[:MAX_TEXT]}
    if call := current_call.get():
        said["call"] = call
    if level:
        said["level"] = level
    if fields:
        said["fields"] = fields
    return STRUCTURED + _encoder.encode(said) + b"\n"


class EntryStream(io.TextIOBase):
    """stdout or stderr: each line that is printed becomes an entry of the call it belongs to."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._begun = ""

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        if len(self._begun) > MAX_TEXT:
            lines.append(self._begun)
            self._begun = ""
        put(b"".join(entry(line) for line in lines), descriptor=self._descriptor)
        return len(text)

    def flush(self) -> None:
        """Do nothing: an unfinished line waits for its end."""


class EntryHandler(logging.Handler):
    """Writes records of `logging` as entries, with the traceback behind the message."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
            if record.exc_info and record.exc_info[1] is not None:
                text += "\n" + "".join(traceback.format_exception(record.exc_info[1]))
            fields = getattr(record, "fields", None)
            put(entry(text, level=record.levelname.lower(), fields=fields))
        except Exception:  # noqa: BLE001 - logging's own rule: a log line never ends its caller
            self.handleError(record)


def put(entries: bytes, *, descriptor: int = 2) -> None:
    """Write whole entries; waits while the agent does not read."""
    left = memoryview(entries)
    while left:
        left = left[os.write(descriptor, left) :]


def write_log() -> None:
    """Turn stdout, stderr and `logging` of this process into entries."""
    sys.stdout = EntryStream(1)
    sys.stderr = EntryStream(2)
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(EntryHandler())
    root.setLevel(logging.INFO)
    # One line a call of the function's own would say nothing that the ledger does not.
    logging.getLogger("httpx").setLevel(logging.WARNING)
