"""Keys that a zone mints for itself, so that functions can call each other there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from storage.platform.keys import Role
from storage.platform.snapshot import KeyEntry, write_private

FILE_NAME: Final = "local_keys.json"
EVERY_SCOPE: Final = "*"
"""Held by local keys only: all that the tenant's functions may ask for."""

_decoder = msgspec.json.Decoder(list[KeyEntry])


class LocalKeysUnreadable(Exception):
    """The file exists and holds something else."""


def local_key(*, zone: str, tenant: str, hash: str) -> KeyEntry:
    """Describe the one key of `tenant` that `zone` has minted."""
    return KeyEntry(
        key_id=f"local.{zone}.{tenant}",
        hash=hash,
        tenant=tenant,
        role=Role.TENANT_SERVICE,
        scopes=[EVERY_SCOPE],
    )


def save_local_keys(state_dir: Path, keys: Iterable[KeyEntry]) -> None:
    """Replace the zone's list in one step; on disk, mode 0600, when this returns."""
    write_private(state_dir / FILE_NAME, msgspec.json.encode(list(keys)))


def load_local_keys(state_dir: Path) -> list[KeyEntry]:
    """Read the zone's list; empty when there is none.

    Raises:
        LocalKeysUnreadable: see there; also an entry that is more than a tenant's service.
    """
    try:
        keys = _decoder.decode((state_dir / FILE_NAME).read_bytes())
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as error:
        raise LocalKeysUnreadable(f"{FILE_NAME}: {error}") from error
    for key in keys:
        if key.role != Role.TENANT_SERVICE or key.tenant is None or key.zone is not None:
            raise LocalKeysUnreadable(f"{FILE_NAME}: {key.key_id} is no key of a tenant's service")
    return keys
