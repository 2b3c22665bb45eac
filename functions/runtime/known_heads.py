"""Heads of requests that were parsed before: those of calls that are alike differ in two ids only.

The gateway writes the same head for calls that are alike, and puts the ids that differ at its end.
"""

import re
from typing import Final, NamedTuple

from functions.runtime.whole_call import Headers, WholeCall

MAX_HEADS: Final = 512
MAX_HEAD_BYTES: Final = 4 * 1024
_IDS_BEGIN: Final = b"\r\nx-request-id: "
_IDS: Final = re.compile(
    rb"\r\nx-request-id: ([A-Za-z0-9._:-]{1,128})\r\nx-call-id: ([A-Za-z0-9._:-]{1,192})\r\n\r\n"
)
_ID_NAMES: Final = (b"x-request-id", b"x-call-id")
# With one of these the end of a message is not where its length says, or there is none after it.
_UNUSUAL: Final = frozenset({b"connection", b"expect", b"transfer-encoding", b"upgrade"})


class _KnownHead(NamedTuple):
    """What a head says before its ids; a body of `length` bytes follows it."""

    method: str
    path: str
    headers: Headers
    length: int
    alike: object


class KnownHeads:
    """Heads by their bytes up to the ids; forgotten all at once when there are too many."""

    def __init__(self) -> None:
        self._known: dict[bytes, _KnownHead] = {}

    def find(self, data: bytes) -> WholeCall | None:
        """Read a request that came whole, if its head is known; else it has to be parsed."""
        at = data.find(_IDS_BEGIN, 0, MAX_HEAD_BYTES)
        if at < 0 or (known := self._known.get(data[:at])) is None:
            return None
        ids = _IDS.match(data, at)
        if ids is None or len(data) - ids.end() != known.length:
            return None
        headers = [*known.headers, *zip(_ID_NAMES, ids.groups(), strict=True)]
        return WholeCall(known.method, known.path, headers, data[ids.end() :], known.alike)

    def learn(self, data: bytes, call: WholeCall) -> None:
        """Remember the head of a request, all of `data`, that a parser has read as `call`."""
        at = data.find(_IDS_BEGIN, 0, MAX_HEAD_BYTES)
        ids = _IDS.match(data, at) if at > 0 else None
        headers, names = call.headers[:-2], [name for name, _ in call.headers]
        lengths = [value for name, value in headers if name == b"content-length"]
        if (
            ids is None
            or tuple(names[-2:]) != _ID_NAMES
            or not _UNUSUAL.isdisjoint(names)
            or lengths != [b"%d" % len(call.body)]
            or data[ids.end() :] != call.body
        ):
            return
        if len(self._known) >= MAX_HEADS:
            self._known.clear()
        length = len(call.body)
        self._known[data[:at]] = _KnownHead(call.method, call.path, headers, length, object())
