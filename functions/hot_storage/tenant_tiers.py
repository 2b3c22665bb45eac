"""What the zone has of one tenant in its Redis: blocks, notes of the tiers, and the read book."""

from collections.abc import Callable
from dataclasses import dataclass

from functions.hot_storage.read_book import ReadBook
from functions.hot_storage.settings import HotStorageSettings
from functions.hot_storage.zone_tenants import ZoneTenants
from storage.hot.connection import HotConnection
from storage.hot.store import RedisHotStore
from storage.hot.tiering import TierNotes


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantTiers:
    """The parts of one tenant."""

    slug: str
    store: RedisHotStore
    notes: TierNotes
    book: ReadBook


class EveryTenantsTiers:
    """Makes the parts of a tenant when it is first asked for; counts of reads are loaded then."""

    def __init__(
        self,
        connection: HotConnection,
        *,
        zone: str,
        tenants: ZoneTenants,
        settings: HotStorageSettings,
        clock: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._zone = zone
        self._tenants = tenants
        self._settings = settings
        self._clock = clock
        self._made: dict[str, TenantTiers] = {}

    async def of(self, slug: str) -> TenantTiers:
        """The tenant's parts.

        Raises:
            UnknownTenant: the zone serves no such tenant.
            StoreUnavailable: the counts of reads cannot be loaded.
        """
        policy = await self._tenants.policy_now(slug)
        held = self._made.get(slug)
        if held is not None:
            return held
        notes = TierNotes(self._connection, slug=slug)
        book = ReadBook(
            half_life_days=policy.half_life_days, most_blocks=self._settings.history_blocks
        )
        book.load(await notes.every_read())
        # It takes no readings in: only its own bounds for them would matter.
        store = RedisHotStore(self._connection, slug=slug, zone=self._zone, uplink_limit_bytes=0)
        return self._made.setdefault(
            slug, TenantTiers(slug=slug, store=store, notes=notes, book=book)
        )

    async def keep_books(self) -> None:
        """Write down what was counted since the last time.

        Raises:
            StoreUnavailable: some are not written, and come again the next time.
        """
        for tiers in list(self._made.values()):
            tiers.book.trim(now_s=self._clock())
            changed, gone = tiers.book.take_changes()
            try:
                await tiers.notes.keep_reads(changed)
                await tiers.notes.forget_reads(gone)
            except Exception:
                tiers.book.give_back(changed, gone)
                raise
