"""Hours of a link in simulated time: caps, outages, and who waits for whom."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.traffic_scheduling.class_rules import CLASS_RULES
from storage.model.traffic import EVENTS, INTERVALS, Cargo, TrafficClass, UplinkQueue
from tests.unit.functions.traffic_scheduling.simulated_link import Arrival, Entry, SimulatedLink

ALARMS = UplinkQueue(Cargo.MESSAGES, TrafficClass.ALARM)
CONTROL = UplinkQueue(Cargo.MESSAGES, TrafficClass.CONTROL)
BULK = UplinkQueue(Cargo.MESSAGES, TrafficClass.BULK)
MINUTE = 60.0


def every(
    period_s: float, *, tenant: str, queue: UplinkQueue, size: int, until_s: float, seed: int = 1
) -> list[tuple[float, str, UplinkQueue, int]]:
    """Entries of a size at about a period, from a seeded instant on."""
    rng = random.Random(f"{tenant}{queue}{seed}")
    at_s, found = rng.random() * period_s, []
    while at_s < until_s:
        found.append((at_s, tenant, queue, size))
        at_s += period_s * (0.5 + rng.random())
    return found


def numbered(*streams: list[tuple[float, str, UplinkQueue, int]]) -> list[Entry]:
    merged = sorted((entry for stream in streams for entry in stream), key=lambda one: one[0])
    return [Entry(number, *entry) for number, entry in enumerate(merged, start=1)]


def assert_each_arrived_once(link: SimulatedLink) -> None:
    assert Counter(one.entry.number for one in link.arrived) == Counter(
        entry.number for entry in link.entries
    )


def of(link: SimulatedLink, queue: UplinkQueue) -> list[Arrival]:
    return [one for one in link.arrived if one.entry.queue == queue]


@pytest.mark.parametrize("seed", range(3))
def test_under_a_cap_at_half_the_load_alarms_and_control_keep_their_deadlines(seed: int) -> None:
    load_s = 10 * MINUTE
    tenants = {"acme": 1.0, "bolt": 1.0}
    entries = numbered(
        *(
            every(period_s, tenant=tenant, queue=queue, size=size, until_s=load_s, seed=seed)
            for tenant in tenants
            for period_s, queue, size in (
                (7.0, ALARMS, 400),
                (5.0, CONTROL, 600),
                (4.0, EVENTS, 2_000),
                (0.5, INTERVALS, 8_000),
                (3.0, BULK, 4_000),
            )
        )
    )
    load_bits_per_s = sum(entry.size for entry in entries) * 8 / load_s
    link = SimulatedLink(entries, tenants, bits_per_s=load_bits_per_s / 2)

    link.run(until_s=10 * load_s)

    assert_each_arrived_once(link)
    for queue in (ALARMS, CONTROL):
        deadline_s = CLASS_RULES[queue.traffic_class].deadline_s
        assert max(one.age_s for one in of(link, queue)) < deadline_s
    # Half of the load cannot arrive in its time, and the strictest of it does.
    live = [one for one in of(link, EVENTS) if one.entry.born_s < load_s]
    assert max(one.age_s for one in live) < CLASS_RULES[TrafficClass.BILLING].deadline_s
    assert max(one.age_s for one in of(link, INTERVALS)) > 2 * MINUTE
    # Nothing that waits starves: bulk moves while intervals wait.
    assert any(one.at_s < load_s for one in of(link, BULK))
    assert link.schedule.cap.waited_s > load_s / 2


def test_after_half_an_hour_of_outage_live_data_stays_live_while_the_backlog_drains() -> None:
    outage = (10 * MINUTE, 40 * MINUTE)
    until_s = 90 * MINUTE
    tenants = {"acme": 1.0, "bolt": 2.0}
    entries = numbered(
        *(
            every(period_s, tenant=tenant, queue=queue, size=size, until_s=until_s)
            for tenant in tenants
            for period_s, queue, size in ((2.0, INTERVALS, 4_000), (30.0, ALARMS, 400))
        )
    )
    load_bits_per_s = sum(entry.size for entry in entries) * 8 / until_s
    link = SimulatedLink(entries, tenants, bits_per_s=2 * load_bits_per_s, outage=outage)

    link.run(until_s=2 * until_s)

    assert_each_arrived_once(link)
    back_s = outage[1] + 10.0
    live = [one for one in link.arrived if one.entry.born_s >= back_s]
    for one in live:
        assert one.age_s < CLASS_RULES[one.entry.queue.traffic_class].deadline_s
    late = [one for one in link.arrived if outage[0] <= one.entry.born_s < outage[1]]
    drained_s = max(one.at_s for one in late)
    # Thirty minutes of load beside as much that is live, and the heads of its posts.
    assert 70 * MINUTE < drained_s < 85 * MINUTE
    overtakers = [one for one in live if one.at_s < drained_s and one.entry.queue == INTERVALS]
    assert len(overtakers) > 500
    # The backlog itself arrives in its order.
    for tenant in tenants:
        order = [
            one.entry.number
            for one in late
            if one.entry.tenant == tenant and one.entry.queue == INTERVALS
        ]
        assert order == sorted(order)


def test_two_tenants_that_both_wait_share_the_cap_by_their_weights() -> None:
    until_s = 10 * MINUTE
    weights = {"acme": 1.0, "bolt": 3.0}
    entries = numbered(
        *(
            every(0.25, tenant=tenant, queue=INTERVALS, size=4_000, until_s=until_s)
            for tenant in weights
        )
    )
    load_bits_per_s = sum(entry.size for entry in entries) * 8 / until_s
    link = SimulatedLink(entries, weights, bits_per_s=load_bits_per_s / 4, backlog_after_s=10**6)

    link.run(until_s=until_s)

    had = Counter({slug: 0 for slug in weights})
    for one in link.arrived:
        had[one.entry.tenant] += one.entry.size
    assert had["bolt"] / had["acme"] == pytest.approx(3.0, rel=0.1)


TRAFFIC = st.lists(
    st.tuples(
        st.floats(min_value=0, max_value=900),
        st.sampled_from(["acme", "bolt"]),
        st.sampled_from([ALARMS, EVENTS, INTERVALS, BULK]),
        st.integers(min_value=1, max_value=50_000),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(
    traffic=TRAFFIC,
    bits_per_s=st.one_of(st.none(), st.floats(min_value=20_000, max_value=10**7)),
    begin_s=st.floats(min_value=0, max_value=900),
    outage_s=st.floats(min_value=0, max_value=900),
)
def test_whatever_happens_each_entry_arrives_once(
    traffic: list[tuple[float, str, UplinkQueue, int]],
    bits_per_s: float | None,
    begin_s: float,
    outage_s: float,
) -> None:
    link = SimulatedLink(
        numbered(traffic),
        {"acme": 1.0, "bolt": 5.0},
        bits_per_s=bits_per_s,
        outage=(begin_s, begin_s + outage_s),
    )

    link.run(until_s=10**6)

    assert_each_arrived_once(link)
