"""What the routes of hot_storage work with."""

from dataclasses import dataclass

from functions.hot_storage.child_answers import ChildAnswers
from functions.hot_storage.metrics import TierMetrics
from functions.hot_storage.parent import Parent
from functions.hot_storage.promotion import Promotions
from functions.hot_storage.recall_desk import RecallDesk
from functions.hot_storage.tenant_tiers import EveryTenantsTiers
from functions.hot_storage.tier_runs import TierRuns
from functions.hot_storage.zone_tenants import ZoneTenants


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of one worker."""

    zone: str
    replication: str
    parent: Parent
    tenants: ZoneTenants
    tiers: EveryTenantsTiers
    desk: RecallDesk
    children: ChildAnswers
    promotions: Promotions
    runs: TierRuns
    metrics: TierMetrics
