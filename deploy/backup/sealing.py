"""Sealed objects: packed, and encrypted or at least checked, so that no damage goes unseen.

AES-256-GCM with a random nonce of 96 bits an object; the object's name is authenticated with it, so
that nothing can stand in for another. Without a key, SHA-256 finds damage, not intent.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from deploy.backup.failure import BackupFailure

KEY_BYTES: Final = 32
_PLAIN: Final = b"GFB1P"
_CLOSED: Final = b"GFB1E"
_NONCE_BYTES: Final = 12
_DIGEST_BYTES: Final = 32
MOST_BYTES: Final = 1 << 27
"""What one object may hold unpacked."""


class ObjectDamaged(BackupFailure):
    """A stored object is not what was written, or was written with another key."""


class Sealer:
    """Seals and opens objects; with a key of 32 bytes nobody else can read or change them."""

    def __init__(self, key: bytes | None) -> None:
        self._cipher = None if key is None else AESGCM(key)

    @property
    def encrypts(self) -> bool:
        """Whether objects are encrypted."""
        return self._cipher is not None

    def seal(self, name: str, content: bytes) -> bytes:
        """Return the bytes to store under `name`."""
        packed = zstandard.ZstdCompressor(level=3).compress(content)
        if self._cipher is None:
            digest = hashlib.sha256(name.encode() + b"\0" + packed).digest()
            return _PLAIN + digest + packed
        nonce = os.urandom(_NONCE_BYTES)
        return _CLOSED + nonce + self._cipher.encrypt(nonce, packed, name.encode())

    def open(self, name: str, stored: bytes) -> bytes:
        """Return the content of what was stored under `name`.

        Raises:
            ObjectDamaged: changed since, moved from another name, or of another key.
        """
        head, rest = stored[: len(_PLAIN)], stored[len(_PLAIN) :]
        if head == _PLAIN and self._cipher is None:
            packed = rest[_DIGEST_BYTES:]
            if hashlib.sha256(name.encode() + b"\0" + packed).digest() != rest[:_DIGEST_BYTES]:
                raise ObjectDamaged(f"{name}: the checksum does not fit")
        elif head == _CLOSED and self._cipher is not None:
            nonce, closed = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
            try:
                packed = self._cipher.decrypt(nonce, closed, name.encode())
            except InvalidTag as error:
                raise ObjectDamaged(f"{name}: damaged, or sealed with another key") from error
        elif head == _CLOSED:
            raise ObjectDamaged(f"{name} is encrypted: give the key with --key-file")
        else:
            raise ObjectDamaged(f"{name} was not sealed with a key, or is no object of a backup")
        try:
            return zstandard.ZstdDecompressor().decompress(packed, max_output_size=MOST_BYTES)
        except zstandard.ZstdError as error:
            raise ObjectDamaged(f"{name}: {error}") from error


def read_key(path: Path) -> bytes:
    """Return the key in `path`: 64 hexadecimal digits.

    Raises:
        BackupFailure: there is none.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise BackupFailure(f"{path} can be read by others: chmod 600 it")
        key = bytes.fromhex(path.read_text().strip())
    except OSError as error:
        raise BackupFailure(f"cannot read the key {path}: {error.strerror}") from error
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BackupFailure(
            f"{path} holds no key: 64 hexadecimal digits, as `openssl rand -hex 32` prints them"
        )
    return key
