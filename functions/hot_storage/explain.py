"""Why a block is hot or cold, and what the record has of it."""

from collections.abc import Set

import numpy as np
from numpy.typing import NDArray

from functions.hot_storage.parent import ParentUnreachable
from functions.hot_storage.parts import Parts
from functions.hot_storage.schema import Explanation, Reason
from functions.hot_storage.tier_runs import date_text
from storage.model.block import PRESENT, BlockKey
from storage.model.block_proof import Version, uncovered
from storage.model.recall import Question, slots_of


async def explained(parts: Parts, tenant: str, key: BlockKey) -> Explanation:
    """Where a block is and why.

    Raises:
        UnknownTenant, StoreUnavailable: see there.
    """
    tiers = await parts.tiers.of(tenant)
    demotion = await parts.runs.demotion(tiers)
    held = (await tiers.store.read([key])).get(key)
    proof = record = error = None
    question = Question.of([key], [], record=True)
    try:
        proof = (await parts.parent.prove(tenant, question)).blocks[0]
        found = (await parts.parent.recall(tenant, question)).blocks
        past = (await parts.parent.history(tenant, question)).blocks.get(0, [])
        record = {
            **_compared(held, slots_of(found[0]) if found else None, set(past)),
            "open_exceptions": bool(proof.holds),
        }
    except ParentUnreachable as unreachable:
        error = str(unreachable)
    exceptions = [0] if proof is not None and proof.holds else []
    features = demotion.features([key], exceptions=exceptions)
    verdicts = demotion.decide(features)
    reasons = [
        Reason(name=reason.name, tier=reason.tier, says=reason.says)
        for reason, true in zip(verdicts.reasons, verdicts.true[:, 0].tolist(), strict=True)
        if true
    ]
    return Explanation(
        meter_id=key.meter_id,
        register=key.register,
        day=date_text(key.day),
        interval_s=key.interval_s,
        tier=reasons[0].tier,
        decided_by=reasons[0].name,
        reasons=reasons,
        age_days=round(float(features.age_days[0]), 3),
        reads=round(float(features.reads[0]), 3),
        pressure=round(features.pressure, 4),
        here=_values(held),
        promoted=bool(await tiers.notes.copies([key])),
        record=record,
        record_error=error,
    )


def _compared(
    held: NDArray[np.void] | None, record: NDArray[np.void] | None, past: Set[Version]
) -> dict[str, int | bool]:
    covers = held is None or (record is not None and not uncovered(held, record, past).any())
    return {"values": _values(record), "covers": bool(covers)}


def _values(slots: NDArray[np.void] | None) -> int:
    return 0 if slots is None else int(((slots["flags"] & PRESENT) != 0).sum())
