"""What headquarters serves mdms from: the record and the registry in PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from functions.mdms.edge_backing import MissingCredential
from functions.mdms.fold_due import FoldDue
from functions.mdms.fold_step_size import FoldStepSize
from functions.mdms.metrics import MdmsMetrics
from functions.mdms.ports import Backing
from functions.mdms.provenance import COLD, Origin
from functions.mdms.record_book import RecordBook
from functions.mdms.settings import MdmsSettings
from functions.mdms.tail_fold import TailFold
from functions.mdms.tiered_reading import SourcedReader
from functions.runtime.config import WorkerConfig
from storage.cold.class_sums import PostgresClassSums
from storage.cold.desk import PostgresDesk
from storage.cold.edits_down import PostgresEditsDown
from storage.cold.folding import MAX_READINGS
from storage.cold.pool import open_pool
from storage.cold.record import PostgresRecordStore
from storage.cold.rule_groups import PostgresRuleGroups
from storage.model.uplink import UplinkEntry
from storage.ports import TailState


@asynccontextmanager
async def record_backing(
    config: WorkerConfig, settings: MdmsSettings, metrics: MdmsMetrics
) -> AsyncIterator[Backing]:
    """Open the tenant's schema and fold its tail in the background; end both at the end.

    Raises:
        MissingCredential: the configuration has no `database_url`.
    """
    if config.database_url is None:
        raise MissingCredential("database_url", config.tier)
    async with open_pool(config.database_url) as pool:
        store = PostgresRecordStore(pool)
        desk = PostgresDesk(pool, zone=config.zone)

        async def waiting() -> TailState:
            # Each time the tail is looked at: late values came with it, findings beside it.
            await desk.settle()
            exceptions, edits = await desk.waiting()
            metrics.desk(exceptions=exceptions, edits=edits)
            tail = await store.waiting()
            metrics.tail(tail.entries, oldest_s=tail.oldest_s)
            return tail

        fold = TailFold(
            fold=lambda entries, readings, slots: store.fold(
                max_entries=entries, max_readings=readings, max_slots=slots
            ),
            waiting=waiting,
            due=FoldDue(
                after_s=settings.fold_after_s,
                quiet_s=settings.fold_quiet_s,
                after_readings=settings.fold_after_readings,
                after_entries=settings.fold_after_entries,
            ),
            size=FoldStepSize(
                most_entries=settings.fold_step_entries,
                most_readings=MAX_READINGS,
                most_slots=settings.fold_step_slots,
            ),
            folded=metrics.folded,
            failed=metrics.fold_failed,
        )

        async def keep(entries: Sequence[UplinkEntry], caller: str) -> int:
            kept = await store.append(entries, caller=caller)
            fold.appended(kept)
            return kept

        book = RecordBook(pool)
        here = Origin(COLD, config.zone)
        groups = PostgresRuleGroups(pool)
        fold.start()
        try:
            yield Backing(
                tier=config.tier,
                zone=config.zone,
                source="cold",
                blocks=store,
                open_reader=lambda _recall, _whole: SourcedReader(store, here),
                book=book,
                active_rules=groups.active,
                groups=groups,
                keep=keep,
                registrar=book,
                revisions=store,
                class_sums=PostgresClassSums(pool).class_sums,
                desk=desk,
                edits_down=PostgresEditsDown(pool, zone=config.zone),
            )
        finally:
            await fold.stop()
