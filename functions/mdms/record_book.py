"""The registry at headquarters, as mdms's routes ask for it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from functions.mdms.downlink import first_version, nothing_newer, rules_in
from functions.mdms.meter_schema import DownlinkPage, MeterOutcome
from storage.cold.formula_check import FormulaRefused
from storage.cold.pool import Pool
from storage.cold.registry import PostgresMeterRegistry, Registered
from storage.cold.rule_groups import PostgresRuleGroups
from storage.model.interval_lengths import LengthRefused
from storage.model.meter import Meter, RegistryPosition


class RecordBook:
    """`MeterBook` and `MeterRegistrar` over the tenant's tables."""

    def __init__(self, pool: Pool) -> None:
        self._registry = PostgresMeterRegistry(pool)
        self._groups = PostgresRuleGroups(pool)

    async def register(self, meters: Sequence[Meter]) -> tuple[int, list[MeterOutcome]]:
        """See `MeterRegistrar.register`."""
        outcomes = await self._registry.register(meters, now=datetime.now(UTC))
        return await self._registry.version(), [
            _outcome(meter.meter_id, outcome)
            for meter, outcome in zip(meters, outcomes, strict=True)
        ]

    async def get(self, meter_id: str) -> Meter | None:
        """See `MeterBook.get`."""
        return await self._registry.get(meter_id)

    async def some(self, meter_ids: Sequence[str]) -> list[Meter]:
        """See `MeterBook.some`."""
        return await self._registry.some(meter_ids)

    async def page(self, *, after: str, limit: int) -> list[Meter]:
        """See `MeterBook.page`."""
        return await self._registry.page(after=after, limit=limit)

    async def of_group(
        self, *, feeder: str | None = None, transformer: str | None = None, limit: int
    ) -> list[Meter]:
        """See `MeterBook.of_group`."""
        return await self._registry.of_group(feeder=feeder, transformer=transformer, limit=limit)

    async def at_service_point(self, service_point: str, *, limit: int) -> list[Meter]:
        """See `MeterBook.at_service_point`."""
        return await self._registry.at_service_point(service_point, limit=limit)

    async def history(self, meter_id: str) -> list[dict[str, Any]] | None:
        """See `MeterBook.history`; each period names its bounds, the last one is open."""
        return [
            {"valid_from": one.valid_from, "valid_to": one.valid_to, "meter": one.meter}
            for one in await self._registry.history(meter_id)
        ]

    async def version(self) -> int:
        """See `MeterBook.version`."""
        return await self._registry.version()

    async def changes(
        self, *, held: RegistryPosition, limit: int, incarnation: int
    ) -> DownlinkPage:
        """See `MeterBook.changes`."""
        after = first_version(held=held, incarnation=incarnation)
        if after is None:
            return nothing_newer(incarnation)
        meters, version, complete = await self._registry.changes(after=after, limit=limit)
        # Read after the meters: what is newer than the page's version comes with a later page.
        rules = await self._groups.active()
        return DownlinkPage(
            after=after,
            version=version,
            complete=complete,
            meters=meters,
            incarnation=incarnation,
            rules=rules_in(rules, after=after, version=version),
        )


def _outcome(meter_id: str, outcome: Registered | LengthRefused | FormulaRefused) -> MeterOutcome:
    if isinstance(outcome, LengthRefused | FormulaRefused):
        reason = "formula" if isinstance(outcome, FormulaRefused) else "interval-size"
        return MeterOutcome(
            meter_id=meter_id, outcome="rejected", reason=reason, detail=str(outcome)
        )
    return MeterOutcome(meter_id=meter_id, outcome=outcome.value)
