"""Who may be served next, as entries arrive, batches fail and the link goes down."""

import pytest

from functions.traffic_scheduling.backoff import Backoff
from functions.traffic_scheduling.batching import Batching
from functions.traffic_scheduling.class_rules import CLASS_RULES
from functions.traffic_scheduling.flow import Flow
from functions.traffic_scheduling.link_cap import CapRule, LinkCap
from functions.traffic_scheduling.schedule import Schedule
from storage.model.traffic import (
    EVENTS,
    INTERVALS,
    UPLINK_QUEUES,
    Cargo,
    TrafficClass,
    UplinkQueue,
)

START = "0-0"
NEVER = float("inf")
ALARMS = UplinkQueue(Cargo.MESSAGES, TrafficClass.ALARM)
BULK = UplinkQueue(Cargo.MESSAGES, TrafficClass.BULK)


def made(*, bits_per_s: float | None = None) -> Schedule:
    found = Schedule(
        rules=CLASS_RULES,
        batching=Batching(max_bytes=1_000, max_entries=10),
        cap=LinkCap(CapRule(bits_per_s=bits_per_s), now_s=0.0),
        share=0.05,
        tenant_backoff=Backoff(first_s=1.0, longest_s=8.0),
        link_backoff=Backoff(first_s=1.0, longest_s=4.0),
        start=START,
    )
    found.serve_only({"acme": 1.0, "bolt": 1.0})
    return found


@pytest.fixture
def schedule() -> Schedule:
    return made()


def intervals(*slugs: str) -> list[tuple[str, UplinkQueue]]:
    return [(slug, INTERVALS) for slug in slugs]


def taken(schedule: Schedule, now_s: float) -> Flow:
    flow = schedule.take(now_s=now_s)
    assert flow is not None
    return flow


def served(schedule: Schedule, now_s: float) -> str | None:
    flow = schedule.take(now_s=now_s)
    return None if flow is None else flow.tenant


def send(schedule: Schedule, now_s: float, *, size: int = 1_000, full: bool = True) -> Flow:
    flow = taken(schedule, now_s)
    schedule.sends(flow, size=size, now_s=now_s)
    schedule.sent(flow, full=full, now_s=now_s)
    return flow


def test_nobody_is_served_while_nothing_waits(schedule: Schedule) -> None:
    assert served(schedule, 100.0) is None
    assert schedule.next_due_s() == NEVER
    assert schedule.idle() == {
        (slug, queue): START for slug in ("acme", "bolt") for queue in UPLINK_QUEUES
    }


def test_an_entry_is_due_when_it_has_waited(schedule: Schedule) -> None:
    schedule.arrived(intervals("bolt"), now_s=10.0)

    assert ("bolt", INTERVALS) not in schedule.idle()
    assert schedule.next_due_s() == 10.2
    assert served(schedule, 10.1) is None
    assert served(schedule, 10.2) == "bolt"


def test_an_alarm_waits_for_no_company(schedule: Schedule) -> None:
    schedule.arrived([("bolt", ALARMS)], now_s=10.0)

    assert schedule.next_due_s() == schedule.next_due_s(urgent_only=True) == 10.0
    assert served(schedule, 10.0) == "bolt"


def test_a_queue_has_one_batch_in_flight(schedule: Schedule) -> None:
    schedule.arrived(intervals("acme"), now_s=10.0)

    assert served(schedule, 11.0) == "acme"
    assert served(schedule, 11.0) is None


def test_classes_are_served_from_strict_to_lax(schedule: Schedule) -> None:
    schedule.arrived([("acme", queue) for queue in (BULK, INTERVALS, EVENTS, ALARMS)], now_s=10.0)
    schedule.cut_off(schedule.queue_of(taken(schedule, 10.0)).live, at="5-0", now_s=10.0)

    schedule.arrived([("acme", ALARMS)], now_s=10.0)
    order = []
    while (flow := schedule.take(now_s=20.0)) is not None:
        order.append((flow.queue.traffic_class.value, flow.lane))

    assert order == [
        ("alarm", "live"),
        ("billing", "live"),
        ("interval", "live"),
        ("alarm", "backlog"),
        ("bulk", "live"),
    ]


def test_a_lane_for_urgent_classes_takes_nothing_else(schedule: Schedule) -> None:
    schedule.arrived([("acme", INTERVALS), ("bolt", BULK)], now_s=10.0)

    assert schedule.take(now_s=20.0, urgent_only=True) is None
    assert schedule.next_due_s(urgent_only=True) == NEVER
    schedule.arrived([("bolt", ALARMS)], now_s=20.0)
    urgent = schedule.take(now_s=20.0, urgent_only=True)
    assert urgent is not None
    assert urgent.queue == ALARMS


def test_tenants_with_full_batches_alternate(schedule: Schedule) -> None:
    schedule.arrived(intervals("acme", "bolt"), now_s=10.0)

    order = [send(schedule, 11.0).tenant for _ in range(4)]

    assert order == ["acme", "bolt", "acme", "bolt"]


def test_a_tenant_of_three_times_the_weight_has_three_turns_of_four(schedule: Schedule) -> None:
    schedule.serve_only({"acme": 1.0, "bolt": 3.0})
    schedule.arrived(intervals("acme", "bolt"), now_s=10.0)

    order = [send(schedule, 11.0).tenant for _ in range(40)]

    assert order.count("bolt") == 30


def test_a_refused_queue_waits_and_the_others_go_on(schedule: Schedule) -> None:
    schedule.arrived([*intervals("acme", "bolt"), ("acme", BULK)], now_s=10.0)
    flow = taken(schedule, 11.0)

    schedule.refused(flow, "400 malformed-body", now_s=11.0, spread=1.0, retry_after_s=0.0)

    assert (flow.tenant, flow.last_error) == ("acme", "400 malformed-body")
    assert served(schedule, 11.0) == "bolt"
    assert taken(schedule, 11.0).queue == BULK
    assert served(schedule, 11.9) is None
    assert served(schedule, 12.0) == "acme"


def test_a_queue_that_goes_on_failing_waits_longer_until_it_succeeds(schedule: Schedule) -> None:
    schedule.arrived(intervals("acme"), now_s=10.0)
    waits = []
    now_s = 11.0
    for _ in range(5):
        flow = taken(schedule, now_s)
        schedule.refused(flow, "503", now_s=now_s, spread=1.0, retry_after_s=0.0)
        waits.append(schedule.next_due_s() - now_s)
        now_s = schedule.next_due_s()
    flow = send(schedule, now_s, full=False)

    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert (flow.failures, flow.last_error) == (0, None)


def test_a_link_that_is_down_stops_everybody_until_it_is_tried_again(schedule: Schedule) -> None:
    schedule.arrived([*intervals("acme", "bolt"), ("acme", ALARMS)], now_s=10.0)
    flow, other = taken(schedule, 11.0), taken(schedule, 11.0)

    schedule.link_failed(flow, "connection refused", now_s=11.0, spread=1.0)
    schedule.link_failed(other, "connection refused", now_s=11.0, spread=1.0)

    # Two lanes on one broken link are one failure: a second, not two.
    assert schedule.next_due_s() == 12.0
    assert served(schedule, 11.9) is None
    assert schedule.link_error == "connection refused"
    assert taken(schedule, 12.0).queue == ALARMS


def test_the_link_is_up_with_the_first_answer(schedule: Schedule) -> None:
    schedule.arrived(intervals("acme", "bolt"), now_s=10.0)
    flow = taken(schedule, 11.0)
    schedule.link_failed(flow, "connection refused", now_s=11.0, spread=1.0)

    send(schedule, 12.0, full=False)

    assert schedule.link_error is None
    assert served(schedule, 12.0) is not None


def test_an_empty_queue_is_watched_again(schedule: Schedule) -> None:
    schedule.arrived(intervals("acme"), now_s=10.0)

    schedule.nothing_waits(taken(schedule, 11.0))

    assert schedule.idle()["acme", INTERVALS] == START


def test_tenants_come_and_go(schedule: Schedule) -> None:
    schedule.arrived(intervals("acme", "bolt"), now_s=10.0)

    schedule.serve_only({"acme": 1.0, "coil": 1.0})
    schedule.arrived(intervals("bolt", "coil"), now_s=10.0)

    assert [one.tenant for one in schedule.tenants] == ["acme", "coil"]
    assert {served(schedule, 11.0), served(schedule, 11.0)} == {"acme", "coil"}
    assert served(schedule, 11.0) is None


def test_a_batch_of_a_tenant_that_has_left_ends_quietly(schedule: Schedule) -> None:
    schedule.arrived(intervals("acme"), now_s=10.0)
    flow = taken(schedule, 11.0)
    schedule.serve_only({"bolt": 1.0})

    schedule.sends(flow, size=10, now_s=11.0)
    schedule.sent(flow, full=True, now_s=11.0)

    assert served(schedule, 20.0) is None


def test_live_entries_are_looked_for_behind_the_cut_until_the_backlog_is_gone(
    schedule: Schedule,
) -> None:
    schedule.arrived(intervals("acme"), now_s=10.0)
    live = taken(schedule, 11.0)

    schedule.cut_off(live, at="7-0", now_s=11.0)

    assert schedule.idle()["acme", INTERVALS] == "7-0"
    backlog = taken(schedule, 11.0)
    assert (backlog.queue, backlog.lane) == (INTERVALS, "backlog")
    schedule.backlog_is_empty(backlog)
    assert schedule.idle()["acme", INTERVALS] == START


def test_what_the_live_lane_leaves_behind_is_the_backlogs(schedule: Schedule) -> None:
    schedule.arrived(intervals("acme"), now_s=10.0)
    live = taken(schedule, 11.0)
    schedule.cut_off(live, at="7-0", now_s=11.0)
    schedule.backlog_is_empty(taken(schedule, 11.0))

    schedule.left_behind(live, up_to="9-0", now_s=12.0)

    assert schedule.idle()["acme", INTERVALS] == "9-0"
    assert taken(schedule, 12.0).lane == "backlog"


def test_the_cap_holds_everything_but_what_is_urgent() -> None:
    schedule = made(bits_per_s=8_000)
    schedule.arrived(intervals("acme"), now_s=10.0)
    send(schedule, 11.0, size=2_250)

    schedule.arrived([("bolt", ALARMS)], now_s=11.0)

    # 250 bytes had been saved up, so 2,000 are owed: two seconds at 1,000 bytes/s.
    assert schedule.next_due_s() == 11.0
    assert taken(schedule, 11.0).queue == ALARMS
    assert served(schedule, 12.9) is None
    assert schedule.cap.waits == 1


def test_what_is_read_now_pays_before_another_batch_is_read() -> None:
    schedule = made(bits_per_s=8_000)
    schedule.arrived(intervals("acme", "bolt"), now_s=10.0)
    flow = taken(schedule, 11.0)

    assert served(schedule, 11.0) is None
    assert schedule.cap.waits == 0
    schedule.sends(flow, size=100, now_s=11.0)

    assert served(schedule, 11.0) == "bolt"
