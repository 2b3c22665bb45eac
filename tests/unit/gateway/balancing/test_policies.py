"""What holds for every policy, and what each one is for."""

import random
from collections import Counter

import pytest

from gateway.balancing.least_loaded import LeastLoaded
from gateway.balancing.mhbco import Mhbco
from gateway.balancing.policies import POLICIES
from gateway.balancing.power_of_two import PowerOfTwo
from gateway.balancing.round_robin import RoundRobin
from tests.unit.gateway.balancing.fake_load import loads


@pytest.mark.parametrize("name", POLICIES)
def test_no_policy_gives_a_call_to_a_full_worker(name: str) -> None:
    policy = POLICIES[name]()
    workers = loads(4, 3, 4)

    first = policy.choose(workers)
    assert first is workers[1]
    first.in_flight += 1

    assert policy.choose(workers) is None
    assert policy.choose([]) is None


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_uses_all_room_there_is(name: str) -> None:
    policy = POLICIES[name]()
    workers = loads(0, 0, 0)
    for _ in range(12):
        chosen = policy.choose(workers)
        assert chosen is not None
        chosen.in_flight += 1

    assert [worker.in_flight for worker in workers] == [4, 4, 4]


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_follows_workers_that_come_and_go(name: str) -> None:
    policy = POLICIES[name]()
    workers = loads(0, 0)
    for _ in range(3):
        assert policy.choose(workers) in workers
    survivor = workers[1:]

    assert policy.choose(survivor) is survivor[0]
    newcomers = [*survivor, *loads(0)]
    assert policy.choose(newcomers) in newcomers


def test_round_robin_takes_turns_whatever_the_load() -> None:
    policy = RoundRobin()
    workers = loads(3, 0, 1)

    chosen = [policy.choose(workers) for _ in range(6)]

    assert [worker.id for worker in chosen if worker] == ["w0", "w1", "w2", "w0", "w1", "w2"]


def test_least_loaded_takes_the_fewest_and_equals_take_turns() -> None:
    policy = LeastLoaded()

    assert getattr(policy.choose(loads(3, 1, 2)), "id", None) == "w1"
    equal = loads(1, 1, 1)
    assert Counter(getattr(policy.choose(equal), "id", None) for _ in range(9)) == {
        "w0": 3,
        "w1": 3,
        "w2": 3,
    }


def test_power_of_two_never_takes_the_most_loaded_of_all() -> None:
    policy = PowerOfTwo(random.Random(4))
    workers = loads(0, 1, 3)

    counted = Counter(getattr(policy.choose(workers), "id", None) for _ in range(300))

    assert counted["w2"] == 0
    assert counted["w0"] > counted["w1"] > 0


def test_mhbco_gives_the_faster_worker_more_by_what_calls_took() -> None:
    policy = Mhbco(random.Random(4))
    workers = loads(0, 0, concurrency=64)
    for worker, seconds in zip(workers, (0.01, 0.04), strict=True):
        worker.in_flight = 1
        policy.finished(worker, seconds=seconds)
        worker.in_flight = 0

    for _ in range(40):
        chosen = policy.choose(workers)
        assert chosen is not None
        chosen.in_flight += 1

    assert workers[0].in_flight == pytest.approx(32, abs=2)
    assert workers[1].in_flight == pytest.approx(8, abs=2)


def test_mhbco_takes_a_call_among_many_for_its_share_of_the_workers_time() -> None:
    policy = Mhbco(random.Random(4))
    workers = loads(8, 1, concurrency=64)
    # Eight at a time took 80 ms each, one alone 10 ms: the same speed.
    policy.finished(workers[0], seconds=0.08)
    policy.finished(workers[1], seconds=0.01)
    workers[0].in_flight = workers[1].in_flight = 0

    for _ in range(16):
        chosen = policy.choose(workers)
        assert chosen is not None
        chosen.in_flight += 1

    assert abs(workers[0].in_flight - workers[1].in_flight) <= 2
