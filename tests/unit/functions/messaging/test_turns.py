"""Tenants come in a ring, whoever has more."""

from functions.messaging.turns import Turns


def test_the_ring_goes_round() -> None:
    turns = Turns()
    for tenant in ("acme", "bolt", "core"):
        turns.know(tenant)

    served = [turns.next(now_s=1.0, busy=lambda name: False) for _ in range(5)]

    assert served == ["acme", "bolt", "core", "acme", "bolt"]


def test_who_is_busy_or_not_due_waits() -> None:
    turns = Turns()
    turns.due("acme", at_s=5.0)
    turns.due("bolt", at_s=0.0)
    turns.due("core", at_s=0.0)

    assert turns.next(now_s=1.0, busy=lambda name: name == "bolt") == "core"
    turns.due("core", at_s=9.0)
    assert turns.next(now_s=1.0, busy=lambda name: name == "bolt") is None
    assert turns.next_s(now_s=1.0, at_most_s=60.0) == 0.005
    turns.due("bolt", at_s=8.0)
    assert turns.next_s(now_s=1.0, at_most_s=60.0) == 4.0
    assert turns.next_s(now_s=1.0, at_most_s=1.0) == 1.0
