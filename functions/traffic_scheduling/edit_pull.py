"""Pulling headquarters' edits of a tenant down from the parent, page by page, until caught up."""

from typing import Final

from functions.traffic_scheduling.link import CallRefused, Link
from functions.traffic_scheduling.link_messages import EditPosition
from functions.traffic_scheduling.metrics import LinkMetrics
from functions.traffic_scheduling.settings import LinkSettings

_NOT_FOUND: Final = 404


class EditPull:
    """Remembers how far the own zone has come, and asks for it again after any failure."""

    def __init__(self, *, link: Link, settings: LinkSettings, metrics: LinkMetrics) -> None:
        self._link = link
        self._settings = settings
        self._metrics = metrics
        self._held: dict[str, EditPosition] = {}

    def forget(self, tenant: str) -> None:
        """Ask how far the own zone has come before the next page."""
        self._held.pop(tenant, None)

    async def catch_up(self, tenant: str) -> bool:
        """Return whether there was anything.

        Raises:
            LinkDown, CallRefused: the rest is for the next time.
        """
        found = False
        while True:
            held = self._held.get(tenant)
            if held is None:
                held = self._held[tenant] = await self._link.edit_position(tenant)
            entries = await self._page(tenant, held)
            if entries is None:
                return found
            found = True
            taken = await self._link.take_edits(tenant, entries)
            self._metrics.edits_page(tenant)
            self._held[tenant] = taken
            if taken == held:
                # Another worker was faster; what is left is for the next time.
                return found

    async def _page(self, tenant: str, held: EditPosition) -> bytes | None:
        try:
            return await self._link.edits(tenant, held=held, limit=self._settings.edits_page)
        except CallRefused as error:
            # A parent of a version that sends no edits down.
            if error.status == _NOT_FOUND:
                return None
            raise
