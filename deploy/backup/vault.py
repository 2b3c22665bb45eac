"""Where backups are kept: named objects in a folder or in an S3 bucket."""

from typing import Protocol

from deploy.backup.failure import BackupFailure


class VaultUnavailable(BackupFailure):
    """The address did not take, give or list an object."""


class Vault(Protocol):
    """Objects by name; a name has parts between slashes. Each call may raise VaultUnavailable."""

    @property
    def address(self) -> str:
        """As a user writes it, without secrets."""

    def put(self, name: str, content: bytes) -> None:
        """Store an object whole and durable, in place of one of that name."""

    def get(self, name: str) -> bytes | None:
        """The object's bytes, None when there is none."""

    def names(self, prefix: str) -> list[str]:
        """Names that begin with `prefix`, sorted."""

    def delete(self, name: str) -> None:
        """Remove the object; there may be none."""
