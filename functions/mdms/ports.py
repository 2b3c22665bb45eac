"""What mdms asks of the tenant's meter registry, whichever store holds it in this zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.model.meter import Meter


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPage:
    """Meters whose last change is after a version, by version; `version` is where they lead."""

    meters: Sequence[Meter]
    version: int
    complete: bool


class RegistrySource(Protocol):
    """Where a zone reads its meters from."""

    async def version(self) -> int:
        """Version of the last change, 0 when nothing was ever registered.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """

    async def changes(self, *, after: int, limit: int) -> RegistryPage:
        """Return at most `limit` meters changed after version `after`, lowest version first.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
