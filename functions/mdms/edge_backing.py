"""What zones of tiers 2 and 3 serve mdms from: their Redis, and a copy of the registry in it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from functions.mdms.gap_filling import GapFilling
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.policy_cache import PolicyCache
from functions.mdms.ports import Backing
from functions.mdms.provenance import HOT, Origin
from functions.mdms.reading_time import ReadingTime
from functions.mdms.readmission import Readmission
from functions.mdms.recall_line import RecallLine, telling
from functions.mdms.registry_cache import RegistryCache
from functions.mdms.service import Ingest
from functions.mdms.settings import MdmsSettings
from functions.mdms.technical_validation import TechnicalValidation
from functions.mdms.tiered_reading import SourcedReader, TieredReader
from functions.mdms.validator import Validator
from functions.mdms.zone_book import ZoneBook
from functions.runtime.config import WorkerConfig
from functions.runtime.zone_calls import Calls, ZoneCalls
from storage.hot.connection import connect
from storage.hot.edits import EditPosition, HotEdits
from storage.hot.registry import MeterRegistry
from storage.hot.rules import HotRules
from storage.hot.store import RedisHotStore
from storage.hot.tiering import TierNotes
from storage.hot.validation import HotValidation
from storage.model.uplink import UplinkEntry

FIRST_HOP_TIER = 3


class MissingCredential(ValueError):
    """The worker was given no URL of the store that its tier works on."""

    def __init__(self, field: str, tier: int) -> None:
        super().__init__(f"mdms in tier {tier} needs {field}")


@asynccontextmanager
async def edge_backing(
    config: WorkerConfig,
    settings: MdmsSettings,
    metrics: MdmsMetrics,
    *,
    calls: Calls | None = None,
) -> AsyncIterator[Backing]:
    """Open the tenant's part of the zone's Redis; close it at the end.

    What the zone lacks is recalled by `calls`, or as the worker's key lets it; without either a
    query sees what is here.

    Raises:
        MissingCredential: the configuration has no `redis_url`.
    """
    if config.redis_url is None:
        raise MissingCredential("redis_url", config.tier)
    connection = connect(config.redis_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(connection.aclose)
        store = RedisHotStore(
            connection,
            slug=config.tenant,
            zone=config.zone,
            uplink_limit_bytes=settings.uplink_limit_bytes,
            memory_limit_bytes=settings.memory_limit_bytes,
        )
        copy = MeterRegistry(connection, slug=config.tenant)
        cache = RegistryCache(
            copy, check_s=settings.registry_check_s, most=settings.registry_held_meters
        )
        rules = HotRules(connection, slug=config.tenant)
        first_hop = config.tier == FIRST_HOP_TIER

        validator: Validator | None = None
        if not first_hop:
            validator = Validator(
                queue=HotValidation(
                    connection,
                    slug=config.tenant,
                    zone=config.zone,
                    uplink_limit_bytes=settings.uplink_limit_bytes,
                ),
                cells=store,
                registry=cache,
                active_rules=rules.active,
                zone=config.zone,
                metrics=metrics,
                rest_s=settings.validation_rest_s,
                sweep_s=settings.gap_sweep_s,
                dropped_through=TierNotes(connection, slug=config.tenant).dropped_through,
            )

        async def keep(entries: Sequence[UplinkEntry], caller: str) -> int:
            kept = await store.relay(entries, caller=caller)
            if validator is not None:
                validator.arrived()
            return kept

        edits = HotEdits(
            connection,
            store,
            slug=config.tenant,
            relaying=not first_hop,
            limits=(settings.uplink_limit_bytes, settings.memory_limit_bytes),
        )

        allowed = ReadingTime(
            ahead_s=settings.clock_ahead_s,
            stale_after_s=settings.stale_after_days * 86_400,
        )
        line: RecallLine | None = None
        way = calls or _calls(config)
        if way is not None:
            stack.push_async_callback(way.close)
            notes = TierNotes(connection, slug=config.tenant)
            line = RecallLine(way, zone=config.zone, dropped_through=notes.dropped_through)
            await stack.enter_async_context(telling(line))

        ingest = Ingest(
            store=store if line is None else Readmission(store, recall=line),
            registry=cache,
            validation=TechnicalValidation(time=allowed),
            max_readings=settings.max_readings,
            policies=PolicyCache(rules.active, time=allowed),
        )

        def open_reader(recall: bool, whole: bool) -> TieredReader | SourcedReader:
            if line is None or not recall:
                return SourcedReader(store, Origin(HOT, config.zone))
            return TieredReader(store, zone=config.zone, recall=line, whole=whole)

        zone = Backing(
            tier=config.tier,
            zone=config.zone,
            source="hot",
            blocks=store,
            open_reader=open_reader,
            book=ZoneBook(cache, copy, rules),
            active_rules=rules.active,
            rules_copy=rules,
            ingest=ingest if first_hop else None,
            keep=None if first_hop else keep,
            copy=copy,
            held_bytes=store.held_bytes,
            edits_down=None if first_hop else edits,
            edits_copy=_Told(edits, validator),
            validation=validator,
        )
        if validator is not None:
            validator.fill_with(
                GapFilling(
                    zone,
                    store.accept,
                    weekend=settings.weekend_days,
                    holidays=settings.holidays,
                )
            )
            validator.start()
            stack.push_async_callback(validator.stop)
        yield zone


class _Told:
    """Edits that are taken, of which the validator hears."""

    def __init__(self, edits: HotEdits, validator: Validator | None) -> None:
        self._edits = edits
        self._validator = validator

    async def position(self) -> EditPosition:
        """See `EditCopy.position`."""
        return await self._edits.position()

    async def take(self, entries: Sequence[UplinkEntry]) -> EditPosition:
        """See `EditCopy.take`."""
        taken = await self._edits.take(entries)
        if self._validator is not None:
            self._validator.arrived()
        return taken


def _calls(config: WorkerConfig) -> Calls | None:
    if config.service_key is None or not config.gateway_url:
        return None
    return ZoneCalls(gateway_url=config.gateway_url, key=config.service_key)
