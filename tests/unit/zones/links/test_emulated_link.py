import pytest

from tests.unit.zones.links.line_plans import medium, plan
from zones.links.emulated_link import EmulatedLink, UnknownPath
from zones.links.flow import NEVER, Flow
from zones.links.medium import Line

FIBRE = medium("fibre", delay_ms=10.0)
RADIO = medium("radio", delay_ms=30.0)
TIMEOUT_S = 0.2


def arrivals(flow: Flow) -> list[tuple[float, bytes]]:
    """Everything under way, as (instant, bytes), taken in the order of time."""
    found = []
    while (at := flow.next_at) < NEVER:
        found += [(at, piece.data) for piece in flow.take_due(at)]
    return found


def test_bytes_arrive_a_delay_later_and_not_before() -> None:
    flow = EmulatedLink(plan(FIBRE), seed=1).connect().up
    flow.enter(5.0, b"reading")

    assert flow.take_due(5.009) == []
    assert [piece.data for piece in flow.take_due(5.0101)] == [b"reading"]
    assert flow.held_bytes == 0


def test_a_rate_spreads_a_chunk_over_time() -> None:
    link = EmulatedLink(plan(medium("slow", delay_ms=10.0, rate_mbps=1.0)), seed=1)
    flow = link.connect().up
    flow.enter(0.0, bytes(125_000))
    found = arrivals(flow)

    assert sum(len(data) for _, data in found) == 125_000
    assert found[-1][0] == pytest.approx(1.010)
    assert len(found) > 50
    # Half of it is there at half of the time.
    half = sum(len(data) for at, data in found if at <= 0.510)
    assert half == pytest.approx(62_500, abs=1_500)


def test_connections_share_the_rate_of_their_path() -> None:
    link = EmulatedLink(plan(medium("slow", rate_mbps=1.0)), seed=1)
    first, second = link.connect(), link.connect()
    for flows in (first, second):
        flows.up.enter(0.0, bytes(12_500))
    second.down.enter(0.0, bytes(12_500))

    assert arrivals(first.up)[-1][0] == pytest.approx(0.1)
    assert arrivals(second.up)[-1][0] == pytest.approx(0.2)
    assert arrivals(second.down)[-1][0] == pytest.approx(0.1)


def test_jitter_stays_within_its_bounds_and_never_swaps() -> None:
    link = EmulatedLink(plan(medium("rough", delay_ms=20.0, jitter_ms=15.0)), seed=1)
    flow = link.connect().up
    sent = [bytes([n]) for n in range(200)]
    waits = []
    for number, data in enumerate(sent):
        flow.enter(number * 1.0, data)
        waits.append(flow.next_at - number * 1.0)
        flow.take_due(number + 0.5)
    assert min(waits) >= 0.005
    assert max(waits) <= 0.035
    assert max(waits) - min(waits) > 0.02
    assert sum(waits) / len(waits) == pytest.approx(0.020, abs=0.002)

    for data in sent:
        flow.enter(1_000.0, data)
    assert b"".join(data for _, data in arrivals(flow)) == b"".join(sent)


def course(seed: int) -> list[tuple[float, bytes]]:
    bad = medium("bad", delay_ms=20.0, jitter_ms=10.0, rate_mbps=2.0, loss=0.05)
    link = EmulatedLink(plan(bad), seed=seed)
    flows = [link.connect() for _ in range(3)]
    for number in range(60):
        flows[number % 3].up.enter(number * 0.01, bytes(3_000))
    return [found for one in flows for found in arrivals(one.up)]


def test_the_same_seed_gives_the_same_course() -> None:
    assert course(1) == course(1)
    assert [at for at, _ in course(1)] != [at for at, _ in course(2)]


def test_loss_holds_up_what_follows_and_loses_nothing() -> None:
    link = EmulatedLink(plan(medium("bad", delay_ms=10.0, loss=0.1)), seed=3)
    flow = link.connect().up
    sent = [bytes([n]) * 100 for n in range(100)]
    for number, data in enumerate(sent):
        flow.enter(number * 0.001, data)
    found = arrivals(flow)

    assert b"".join(data for _, data in found) == b"".join(sent)
    carried = link.lanes["bad"]["up"].carried
    assert (carried.bytes, carried.lost_bytes, carried.segments) == (10_000, 0, 100)
    assert carried.resent > 0
    assert found[-1][0] > 0.099 + 0.010 + TIMEOUT_S


def test_repairs_take_their_share_of_the_rate() -> None:
    def time_of(loss: float) -> tuple[float, int]:
        line = medium("line", rate_mbps=1.0, loss=loss)
        link = EmulatedLink(plan(line), seed=8, window_bytes=10**9)
        flow = link.connect().up
        flow.enter(0.0, bytes(2_500_000))
        probe = link.connect().up
        probe.enter(0.0, b"x")
        return probe.next_at, link.lanes["line"]["up"].carried.resent

    clean_s, _ = time_of(0.0)
    lossy_s, resent = time_of(0.05)
    assert resent > 50
    assert lossy_s - clean_s == pytest.approx(resent * 1_448 * 8 / 1e6, rel=0.01)


def test_a_flow_says_when_its_window_is_full() -> None:
    flow = EmulatedLink(plan(FIBRE), seed=1, window_bytes=1_000).connect().up
    flow.enter(0.0, bytes(999))
    assert flow.has_room
    flow.enter(0.0, b"x")
    assert not flow.has_room
    flow.take_due(1.0)
    assert flow.has_room


def test_all_connections_share_the_room_of_their_link() -> None:
    link = EmulatedLink(plan(FIBRE), seed=1, window_bytes=1_000, room_bytes=1_500)
    first, second, third = (link.connect().up for _ in range(3))
    first.enter(0.0, bytes(900))
    assert first.has_room
    second.enter(0.0, bytes(600))

    # Who has nothing under way may still begin: nobody else would wake it.
    assert (first.has_room, second.has_room, third.has_room) == (False, False, True)
    second.take_due(1.0)
    assert (first.has_room, second.has_room) == (True, True)
    second.enter(1.0, bytes(600))
    assert not first.has_room
    second.drop()
    assert first.has_room


def test_what_is_on_a_failing_path_is_sent_again_over_the_backup() -> None:
    link = EmulatedLink(plan(FIBRE, RADIO), seed=1)
    flow = link.connect().up
    flow.enter(1.000, b"there")
    flow.enter(1.010, b"halfway")
    link.fail("fibre", 1.015)
    flow.enter(1.020, b"later")

    assert [piece.data for piece in flow.take_due(1.060)] == [b"there"]
    assert (flow.waits, flow.next_at) == (True, NEVER)
    link.advance(1.065)
    assert arrivals(flow) == [
        # Its timeout began when it was lost, and the radio's delay comes on top.
        (pytest.approx(1.015 + TIMEOUT_S + 0.030), b"halfway"),
        (pytest.approx(1.020 + TIMEOUT_S + 0.030), b"later"),
    ]
    fibre, radio = (link.lanes[path]["up"].carried for path in ("fibre", "radio"))
    assert (fibre.bytes, fibre.lost_bytes) == (12, 7)
    assert (radio.bytes, radio.lost_bytes) == (12, 0)


def test_after_a_long_outage_what_waited_goes_on_in_order() -> None:
    link = EmulatedLink(plan(FIBRE), seed=1)
    flow = link.connect().up
    link.fail("fibre", 1.0)
    for number in range(5):
        flow.enter(2.0 + number, bytes([number]))
    flow.enter_end(8.0)
    link.advance(1_799.0)
    assert flow.next_at == NEVER
    link.restore("fibre", 1_800.0)
    link.advance(1_800.05)

    pieces = flow.take_due(1_801.0)
    assert [piece.data for piece in pieces] == [*(bytes([n]) for n in range(5)), b""]
    assert pieces[-1].end
    assert link.choice.outage_s(2_000.0) == pytest.approx(1_799.05)


def test_going_back_to_the_fibre_overtakes_nothing() -> None:
    link = EmulatedLink(plan(FIBRE, RADIO), seed=1)
    flow = link.connect().up
    link.fail("fibre", 0.0)
    link.restore("fibre", 1.0)
    flow.enter(10.999, b"by radio")
    link.advance(11.0)
    flow.enter(11.001, b"by fibre")

    assert [data for _, data in arrivals(flow)] == [b"by radio", b"by fibre"]
    assert link.lanes["radio"]["up"].carried.bytes == len(b"by radio")
    assert link.lanes["fibre"]["up"].carried.bytes == len(b"by fibre")


def test_a_radio_that_fails_after_going_back_loses_only_its_own() -> None:
    link = EmulatedLink(plan(FIBRE, RADIO), seed=1)
    flow = link.connect().up
    link.fail("fibre", 0.0)
    link.restore("fibre", 1.0)
    flow.enter(10.999, b"by radio")
    link.advance(11.0)
    flow.enter(11.001, b"by fibre")
    link.fail("radio", 11.002)

    assert [data for _, data in arrivals(flow)] == [b"by radio", b"by fibre"]
    assert link.lanes["radio"]["up"].carried.lost_bytes == len(b"by radio")
    assert link.lanes["fibre"]["up"].carried.bytes == len(b"by radio" + b"by fibre")


def test_other_figures_hold_for_what_is_sent_then() -> None:
    link = EmulatedLink(plan(FIBRE), seed=1)
    flow = link.connect().down
    flow.enter(0.0, b"a")
    link.change("fibre", "down", Line(delay_ms=500.0))
    flow.enter(1.0, b"b")

    assert arrivals(flow) == [(pytest.approx(0.010), b"a"), (pytest.approx(1.5), b"b")]
    assert link.round_trip_s() == pytest.approx(0.510)


def test_a_broken_connection_loses_what_it_had_under_way() -> None:
    link = EmulatedLink(plan(FIBRE), seed=1)
    flows = link.connect()
    flows.up.enter(0.0, b"gone")
    assert link.held_bytes == {"up": 4, "down": 0}
    link.disconnect(flows)

    assert link.held_bytes == {"up": 0, "down": 0}
    assert link.lanes["fibre"]["up"].carried.lost_bytes == 4
    assert flows.up.take_due(10.0) == []


def test_an_unknown_path_is_named() -> None:
    link = EmulatedLink(plan(FIBRE), seed=1)
    for call in (link.fail, link.restore):
        with pytest.raises(UnknownPath, match="satellite"):
            call("satellite", 0.0)
