"""The texts of the lab's keys, kept so that the next `up` prints the same ones."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from storage.platform.keys import mint_key
from storage.platform.snapshot import write_private


class LabKeys(msgspec.Struct, frozen=True):
    """Key texts: the administrator's, one a tenant, one a zone.

    `metrics` is asked for by every gateway's `/metrics` and `/metrics/agent`.
    """

    admin: str
    tenants: dict[str, str]
    zones: dict[str, str]
    metrics: str = ""


def read_keys(path: Path) -> LabKeys:
    """Return the keys in `path`.

    Raises:
        FileNotFoundError: no lab was ever up there.
    """
    return msgspec.json.decode(path.read_bytes(), type=LabKeys)


def lasting_keys(path: Path, *, tenants: Sequence[str], zones: Sequence[str]) -> LabKeys:
    """Return the keys in `path` (0600), minting and saving those that are not there yet."""
    try:
        kept = read_keys(path)
    except FileNotFoundError:
        kept = LabKeys(admin=mint_key(), tenants={}, zones={})
    keys = LabKeys(
        admin=kept.admin,
        tenants={slug: kept.tenants.get(slug) or mint_key() for slug in tenants},
        zones={name: kept.zones.get(name) or mint_key() for name in zones},
        metrics=kept.metrics or mint_key(),
    )
    write_private(path, msgspec.json.format(msgspec.json.encode(keys)))
    return keys


def keep_tenant_keys(state: Path, keys: LabKeys) -> None:
    """Write each tenant's key to a file of its own (0600)."""
    for slug, text in keys.tenants.items():
        alone = tenant_key_file(state, slug)
        alone.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(alone, text.encode())


def tenant_key_file(state: Path, tenant: str) -> Path:
    """Where a tenant's key stands alone, for a shell to read."""
    return state / "keys" / tenant


def first_showing(state: Path) -> bool:
    """Whether the keys' texts were never shown; from now on they were."""
    try:
        (state / "keys-shown").touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return False
    return True
