"""What mdms asks of the tenant's stores and registry, whichever hold them in this zone."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.mdms.meter_schema import DownlinkPage, MeterOutcome
from functions.mdms.service import Ingest
from functions.mdms.tiered_reading import OpenReader
from functions.mdms.uplink import Keep
from functions.mdms.vee.held_findings import BlockName, HeldRun
from storage.cold.class_sums import Classes, ClassSums
from storage.cold.desk import PostgresDesk
from storage.cold.rule_groups import Activation, GroupState, GroupVersion
from storage.hot.edits import EditPosition
from storage.model.block import BlockKey
from storage.model.event_block import EventKey
from storage.model.meter import Meter, RegistryPosition
from storage.model.revision import Revision
from storage.model.rule_groups import ActiveRules, RuleGroup
from storage.model.uplink import UplinkEntry


class BlockReader(Protocol):
    """Where the zone's readings are read from: hot below headquarters, cold there."""

    async def read(self, keys: Sequence[BlockKey]) -> Mapping[BlockKey, NDArray[np.void]]:
        """Slots of the blocks that exist.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """

    async def read_events(self, keys: Sequence[EventKey]) -> Mapping[EventKey, NDArray[np.void]]:
        """Events of the blocks that exist, by instant.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """


class RevisionReader(Protocol):
    """Where the versions that do not count are read from: headquarters."""

    async def read_revisions(
        self, blocks: Sequence[BlockKey], events: Sequence[EventKey]
    ) -> list[Revision]:
        """Every such version of the blocks, in order.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """


class ClassSummer(Protocol):
    """Sums of final values by class of slot, as `storage.cold.class_sums` says: headquarters."""

    async def __call__(
        self, meters: Sequence[str], *, register: str, days: range, classes: Classes, count: int
    ) -> ClassSums:
        """Sums and numbers of values of distinct meters on UTC days, as of one instant.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """


class MeterBook(Protocol):
    """The registry as this zone holds it; each call may raise StoreUnavailable."""

    async def get(self, meter_id: str) -> Meter | None:
        """The meter of that name."""

    async def some(self, meter_ids: Sequence[str]) -> list[Meter]:
        """Those of the meters that the registry knows, in no order."""

    async def page(self, *, after: str, limit: int) -> list[Meter]:
        """At most `limit` meters by id, whose ids are above `after`."""

    async def of_group(
        self, *, feeder: str | None = None, transformer: str | None = None, limit: int
    ) -> list[Meter]:
        """At most `limit` meters by id: of a feeder, of a transformer, or all."""

    async def at_service_point(self, service_point: str, *, limit: int) -> list[Meter]:
        """At most `limit` meters by id that name a service point, exchanged ones included."""

    async def history(self, meter_id: str) -> list[dict[str, Any]] | None:
        """Earlier states of a meter, oldest first; None where no history is kept."""

    async def version(self) -> int:
        """Version of the last change held here."""

    async def changes(
        self, *, held: RegistryPosition, limit: int, incarnation: int
    ) -> DownlinkPage:
        """At most `limit` changes for a child zone that is at `held`.

        `incarnation` is that of the platform's record, as the gateway says.
        """


class MeterRegistrar(Protocol):
    """Where meters are registered: headquarters."""

    async def register(self, meters: Sequence[Meter]) -> tuple[int, list[MeterOutcome]]:
        """Write what is new or changed in one step; return the version and what became of each.

        Raises:
            StoreUnavailable: no answer before the deadline; sending again is harmless.
        """


class RuleGroupBook(Protocol):
    """Where rule groups are kept: headquarters. Each call may raise StoreUnavailable."""

    async def add(self, group: RuleGroup, *, by: str, reason: str | None) -> GroupVersion:
        """Keep the next version of a name; the same again is the version it was."""

    async def versions(self, name: str) -> list[GroupVersion]:
        """Every version of a group, oldest first."""

    async def log(self, name: str) -> list[Activation]:
        """What was made active of a group, oldest first."""

    async def get(self, name: str, version: int) -> GroupVersion | None:
        """One version of a group."""

    async def page(self, *, after: str, limit: int) -> list[GroupState]:
        """Up to `limit` groups by name, those after `after`."""

    async def activate(
        self, name: str, version: int | None, *, by: str, reason: str | None
    ) -> ActiveRules:
        """Let a version hold from now on, or nothing of the group; return all that holds then.

        Raises:
            UnknownRuleGroup, RuleGroupConflict: nothing was changed.
        """


class ValidationBook(Protocol):
    """What zone 2 has validated of what passed it. Each call may raise StoreUnavailable."""

    async def backlog(self) -> tuple[int, int]:
        """How many relayed batches wait for validation, and their bytes."""

    async def findings_of(
        self, names: Sequence[BlockName]
    ) -> list[tuple[BlockName, list[HeldRun]]]:
        """What is held of these blocks; those without anything are left out."""

    async def looked_until_s(self) -> int:
        """The instant up to which gaps have been looked for, seconds since 1970."""


class RulesCopy(Protocol):
    """The durable copy of the rules in a zone below headquarters."""

    async def apply(self, rules: ActiveRules, *, incarnation: int) -> None:
        """Hold `rules` unless newer ones are held.

        Raises:
            StoreUnavailable: no answer before the deadline; repeating is harmless.
        """


class RegistryCopy(Protocol):
    """The durable copy of the registry in a zone below headquarters."""

    async def position(self) -> RegistryPosition:
        """Position of the copy; zeros for none."""

    async def taken(self) -> RegistryPosition | None:
        """How far a newer incarnation has been taken that is not whole yet."""

    async def apply(
        self, changes: Sequence[Meter], *, after: int, to: RegistryPosition, complete: bool
    ) -> RegistryPosition:
        """Take in all changes after a version up to `to` in one step; return the position held."""


class EditSource(Protocol):
    """Where zones beneath this one get headquarters' edits from."""

    async def after(self, edge: str, sequence: int, *, limit: int) -> list[UplinkEntry]:
        """Up to `limit` edits after that of the stamp, all of them where the edge is another.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """


class EditCopy(Protocol):
    """What a zone below headquarters has of its edits."""

    async def position(self) -> EditPosition:
        """How far they have been taken.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """

    async def take(self, entries: Sequence[UplinkEntry]) -> EditPosition:
        """Take edits, each once; return how far that is.

        Raises:
            StoreFull, StoreUnavailable: taking all of them again is harmless.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Backing:
    """What a zone of a tier serves mdms from; a part that the tier lacks is None."""

    tier: int
    zone: str
    source: Literal["hot", "cold"]
    blocks: BlockReader
    """What this zone itself has; `open_reader` makes what reads over the tiers for one query."""
    open_reader: OpenReader
    book: MeterBook
    active_rules: Callable[[], Awaitable[ActiveRules]]
    ingest: Ingest | None = None
    keep: Keep | None = None
    registrar: MeterRegistrar | None = None
    copy: RegistryCopy | None = None
    revisions: RevisionReader | None = None
    class_sums: ClassSummer | None = None
    groups: RuleGroupBook | None = None
    rules_copy: RulesCopy | None = None
    validation: ValidationBook | None = None
    edits_down: EditSource | None = None
    edits_copy: EditCopy | None = None
    held_bytes: Callable[[], Awaitable[int]] | None = None
    desk: PostgresDesk | None = None
