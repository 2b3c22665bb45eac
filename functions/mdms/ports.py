"""What mdms asks of the tenant's meter registry, whichever store holds it in this zone."""

from typing import Protocol

from storage.model.meter import Meter


class RegistrySource(Protocol):
    """Where a zone reads its meters from."""

    async def version(self) -> int:
        """Version of the last change, 0 when nothing was ever registered.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """

    async def load_all(self) -> tuple[int, dict[str, Meter]]:
        """Every meter by id, at least as new as the version returned with them.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
