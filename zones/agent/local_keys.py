"""One key a tenant, minted by its zone and valid there alone, for what functions ask of it."""

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from storage.platform.keys import hash_key, mint_key
from storage.platform.local_keys import local_key, save_local_keys
from storage.platform.snapshot import write_private

_TEXTS: Final = "service_keys.json"

logger = logging.getLogger(__name__)


class LocalKeys:
    """Texts are kept in the agent's own file; the gateway reads their hashes from another."""

    def __init__(self, state_dir: Path, *, shared_dir: Path, zone: str) -> None:
        """`shared_dir` is the folder that the gateway reads."""
        self._state_dir = state_dir
        self._shared_dir = shared_dir
        self._zone = zone
        self._texts = self._load()
        self._settled: dict[str, str] | None = None

    def settle(self, tenants: Collection[str]) -> None:
        """Have a key for each of `tenants` and no other; what changed is on disk on return.

        Where the disk takes no more, the keys stay as they were until the next call.
        """
        texts = {slug: self._texts.get(slug) or mint_key() for slug in sorted(tenants)}
        if texts == self._settled:
            return
        keys = [
            local_key(zone=self._zone, tenant=slug, hash=hash_key(text))
            for slug, text in texts.items()
        ]
        try:
            write_private(self._state_dir / _TEXTS, msgspec.json.encode(texts))
            save_local_keys(self._shared_dir, keys)
        except OSError as error:
            logger.error("the zone's own keys cannot be kept: %s", error)
        else:
            self._texts = self._settled = texts

    def of(self, tenant: str) -> str | None:
        """Return the tenant's key; None if it has none here."""
        return self._texts.get(tenant)

    def _load(self) -> dict[str, str]:
        try:
            return msgspec.json.decode((self._state_dir / _TEXTS).read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except msgspec.DecodeError:
            logger.exception("the zone's own keys cannot be read: new ones are made")
            return {}
