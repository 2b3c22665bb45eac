"""Streams of any length as sealed objects of bounded size."""

import hashlib
import io
from collections.abc import Iterator
from typing import IO, Final

from deploy.backup.manifest import Chunked
from deploy.backup.sealing import ObjectDamaged, Sealer
from deploy.backup.vault import Vault

CHUNK_BYTES: Final = 1 << 25


def put_stream(vault: Vault, sealer: Sealer, *, name: str, stream: IO[bytes]) -> Chunked:
    """Store what `stream` gives below `name`; memory stays within a few chunks."""
    digest = hashlib.sha256()
    size = count = 0
    while piece := _read_fully(stream, CHUNK_BYTES):
        digest.update(piece)
        size += len(piece)
        chunk = _chunk(name, count)
        vault.put(chunk, sealer.seal(chunk, piece))
        count += 1
    return Chunked(chunks=count, bytes=size, sha256=digest.hexdigest())


class StoredStream(io.RawIOBase):
    """Reads a stream back; the end is reached only if length and checksum fit."""

    def __init__(self, vault: Vault, sealer: Sealer, *, name: str, expected: Chunked) -> None:
        super().__init__()
        self._name = name
        self._expected = expected
        self._pieces = self._open(vault, sealer)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]  # typeshed wants a Buffer protocol of 3.12
        """See `io.RawIOBase.readinto`.

        Raises:
            ObjectDamaged: a chunk is missing or changed.
        """
        if not self._rest:
            self._rest = memoryview(next(self._pieces, b""))
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def _open(self, vault: Vault, sealer: Sealer) -> Iterator[bytes]:
        digest = hashlib.sha256()
        size = 0
        for number in range(self._expected.chunks):
            chunk = _chunk(self._name, number)
            stored = vault.get(chunk)
            if stored is None:
                raise ObjectDamaged(f"{vault.address}/{chunk} is missing")
            piece = sealer.open(chunk, stored)
            digest.update(piece)
            size += len(piece)
            yield piece
        if (size, digest.hexdigest()) != (self._expected.bytes, self._expected.sha256):
            raise ObjectDamaged(f"{vault.address}/{self._name}: the checksum does not fit")


def _chunk(name: str, number: int) -> str:
    return f"{name}/{number:06}"


def _read_fully(stream: IO[bytes], size: int) -> bytes:
    pieces = []
    while size and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
