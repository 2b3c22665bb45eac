"""Who may be served next, as entries arrive, batches fail and the link goes down."""

import pytest

from functions.traffic_scheduling.backoff import Backoff
from functions.traffic_scheduling.batching import Batching
from functions.traffic_scheduling.lanes import Uplinks

START = "0-0"
NEVER = float("inf")


@pytest.fixture
def uplinks() -> Uplinks:
    found = Uplinks(
        batching=Batching(max_bytes=1_000, max_entries=10, max_age_s=0.2),
        tenant_backoff=Backoff(first_s=1.0, longest_s=8.0),
        link_backoff=Backoff(first_s=1.0, longest_s=4.0),
        start=START,
    )
    found.serve_only(["acme", "bolt"])
    return found


def served(uplinks: Uplinks, now_s: float) -> str | None:
    one = uplinks.take(now_s=now_s)
    return None if one is None else one.slug


def test_nobody_is_served_while_nothing_waits(uplinks: Uplinks) -> None:
    assert served(uplinks, 100.0) is None
    assert uplinks.next_due_s() == NEVER
    assert uplinks.idle() == {"acme": START, "bolt": START}


def test_an_entry_is_due_when_it_has_waited(uplinks: Uplinks) -> None:
    uplinks.arrived(["bolt"], now_s=10.0)

    assert uplinks.idle() == {"acme": START}
    assert uplinks.next_due_s() == 10.2
    assert served(uplinks, 10.1) is None
    assert served(uplinks, 10.2) == "bolt"


def test_a_tenant_is_in_one_lane_at_a_time(uplinks: Uplinks) -> None:
    uplinks.arrived(["acme"], now_s=10.0)

    assert served(uplinks, 11.0) == "acme"
    assert served(uplinks, 11.0) is None


def test_an_acknowledged_batch_lets_the_stream_be_watched_behind_it(uplinks: Uplinks) -> None:
    uplinks.arrived(["acme"], now_s=10.0)
    one = uplinks.take(now_s=11.0)
    assert one is not None

    uplinks.sent(one, up_to="5-0", sizes=[10], now_s=11.5)

    assert uplinks.idle() == {"acme": "5-0", "bolt": START}


def test_tenants_with_full_batches_alternate(uplinks: Uplinks) -> None:
    uplinks.arrived(["acme", "bolt"], now_s=10.0)
    order = []
    for _ in range(4):
        one = uplinks.take(now_s=11.0)
        assert one is not None
        order.append(one.slug)
        uplinks.sent(one, up_to="5-0", sizes=[1_000], now_s=11.0)

    assert order == ["acme", "bolt", "acme", "bolt"]


def test_a_refused_tenant_waits_and_the_others_go_on(uplinks: Uplinks) -> None:
    uplinks.arrived(["acme", "bolt"], now_s=10.0)
    one = uplinks.take(now_s=11.0)
    assert one is not None

    uplinks.refused(one, "400 malformed-body", now_s=11.0, spread=1.0, retry_after_s=0.0)

    assert (one.slug, one.last_error) == ("acme", "400 malformed-body")
    assert served(uplinks, 11.0) == "bolt"
    assert served(uplinks, 11.9) is None
    assert served(uplinks, 12.0) == "acme"


def test_a_tenant_that_goes_on_failing_waits_longer_until_it_succeeds(uplinks: Uplinks) -> None:
    uplinks.arrived(["acme"], now_s=10.0)
    waits = []
    now_s = 11.0
    for _ in range(5):
        one = uplinks.take(now_s=now_s)
        assert one is not None
        uplinks.refused(one, "503", now_s=now_s, spread=1.0, retry_after_s=0.0)
        waits.append(uplinks.next_due_s() - now_s)
        now_s = uplinks.next_due_s()
    one = uplinks.take(now_s=now_s)
    assert one is not None
    uplinks.sent(one, up_to="9-0", sizes=[1], now_s=now_s)

    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert (one.failures, one.last_error) == (0, None)


def test_a_link_that_is_down_stops_everybody_until_it_is_tried_again(uplinks: Uplinks) -> None:
    uplinks.arrived(["acme", "bolt"], now_s=10.0)
    one, other = uplinks.take(now_s=11.0), uplinks.take(now_s=11.0)
    assert one is not None
    assert other is not None

    uplinks.link_failed(one, "connection refused", now_s=11.0, spread=1.0)
    uplinks.link_failed(other, "connection refused", now_s=11.0, spread=1.0)

    # Two lanes on one broken link are one failure: a second, not two.
    assert uplinks.next_due_s() == 12.0
    assert served(uplinks, 11.9) is None
    assert uplinks.link_error == "connection refused"
    assert served(uplinks, 12.0) in {"acme", "bolt"}


def test_the_link_is_up_with_the_first_answer(uplinks: Uplinks) -> None:
    uplinks.arrived(["acme", "bolt"], now_s=10.0)
    one = uplinks.take(now_s=11.0)
    assert one is not None
    uplinks.link_failed(one, "connection refused", now_s=11.0, spread=1.0)
    again = uplinks.take(now_s=12.0)
    assert again is not None

    uplinks.sent(again, up_to="5-0", sizes=[1], now_s=12.0)

    assert uplinks.link_error is None
    assert served(uplinks, 12.0) == "acme"


def test_an_empty_stream_is_watched_again(uplinks: Uplinks) -> None:
    uplinks.arrived(["acme"], now_s=10.0)
    one = uplinks.take(now_s=11.0)
    assert one is not None

    uplinks.nothing_waits(one)

    assert uplinks.idle() == {"acme": START, "bolt": START}


def test_tenants_come_and_go(uplinks: Uplinks) -> None:
    uplinks.arrived(["acme"], now_s=10.0)

    uplinks.serve_only(["acme", "coil"])
    uplinks.arrived(["bolt", "coil"], now_s=10.0)

    assert [one.slug for one in uplinks.tenants] == ["acme", "coil"]
    assert {served(uplinks, 11.0), served(uplinks, 11.0)} == {"acme", "coil"}
