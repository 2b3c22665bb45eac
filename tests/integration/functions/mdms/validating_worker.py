"""A process that relays traffic and validates it, made to be killed.

Reads the tenant's Redis URL from standard input; prints a line after each step.
"""

import asyncio
import random
import sys

import numpy as np

from functions.mdms.metrics import MdmsMetrics
from functions.mdms.registry_cache import RegistryCache
from functions.mdms.validator import Validator
from storage.hot.connection import connect
from storage.hot.registry import MeterRegistry
from storage.hot.store import RedisHotStore
from storage.hot.validation import HotValidation
from storage.model.rule_groups import ActiveRules, RuleGroup, RuleSetting
from storage.model.runs import DAY_S, RunBatch
from storage.model.uplink import UplinkEntry

REGISTER = "1-0:1.8.0"
HOUR_S = 3_600
DAY = 20_000
METERS = tuple(f"M{number:02}" for number in range(12))
HOURS = 48
ENTRIES = 96
RULES = {
    "missing-interval": {"grace_s": 2 * HOUR_S, "within_days": 1},
    "interval-spike": {"reach": 2},
    "zero-consumption": {"hours": 20},
    "identical-intervals": {"count": 4},
}
GROUP = RuleGroup(
    group="all",
    version=1,
    rules=tuple(RuleSetting(rule=name, parameters=said) for name, said in RULES.items()),
)


def a_days_readings(seed: int) -> dict[tuple[str, int], int]:
    """By meter and hour since `DAY` began; some are missing, some stand out."""
    rng = random.Random(seed)
    return {
        (meter, hour): rng.choice([0, 100, 120, 130, 140, 9_000]) if meter > "M02" else 0
        for meter in METERS
        for hour in range(HOURS)
        if rng.random() > 0.15
    }


def entries_of(seed: int) -> list[UplinkEntry]:
    """The readings in pieces, in an order of their own."""
    readings = a_days_readings(seed)
    rng = random.Random(seed + 1)
    order = sorted(readings)
    rng.shuffle(order)
    entries = []
    for number in range(ENTRIES):
        piece = sorted(order[number::ENTRIES])
        batch = RunBatch(
            meters=list(METERS),
            registers=[REGISTER],
            run_meter=np.array([METERS.index(meter) for meter, _ in piece], dtype=np.int32),
            run_register=np.zeros(len(piece), dtype=np.uint8),
            run_interval_s=np.full(len(piece), HOUR_S, dtype=np.int32),
            run_start=np.array([DAY * DAY_S + hour * HOUR_S for _, hour in piece]),
            run_length=np.ones(len(piece), dtype=np.int32),
            values=np.array([readings[one] for one in piece], dtype=np.int32),
            quality=np.zeros(len(piece), dtype=np.uint8),
        )
        stamp = 1_000 + number
        after = stamp - 1 if number else 0
        entries.append(UplinkEntry("zone-3a#1", stamp, b"", batch.encode(), after))
    return entries


async def work(redis_url: str, *, seed: int, first: int) -> None:
    """Relay the entries from `first` on, with those before it again, and validate to the end."""
    connection = connect(redis_url)
    limits = {"slug": "acme", "zone": "zone-2", "uplink_limit_bytes": 1 << 26}
    store = RedisHotStore(connection, **limits)
    registry = MeterRegistry(connection, slug="acme")

    async def active() -> ActiveRules:
        return ActiveRules(version=1, groups=(GROUP,))

    validator = Validator(
        queue=HotValidation(connection, **limits),
        cells=store,
        registry=RegistryCache(registry, check_s=1_000),
        active_rules=active,
        zone="zone-2",
        metrics=MdmsMetrics(tenant="acme", zone="zone-2"),
        rest_s=1,
        sweep_s=0,
    )
    entries = entries_of(seed)
    for at in range(max(0, first - 3), len(entries)):
        await store.relay([entries[at]], caller="zone-3a")
        sys.stdout.write(f"relayed {at + 1}\n")
        sys.stdout.flush()
        if at % 2:
            await validator.turn()
    while await validator.turn():
        pass
    sys.stdout.write("done\n")
    sys.stdout.flush()
    await connection.aclose()


if __name__ == "__main__":
    asyncio.run(work(sys.stdin.readline().strip(), seed=int(sys.argv[1]), first=int(sys.argv[2])))
