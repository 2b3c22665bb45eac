from zones.providers.docker.facts import Kind
from zones.providers.docker.sleepers import Sleepers
from zones.providers.docker.worker import ContainedWorker


def kind(*, tenant: str = "acme", version: int = 1, digest: str = "d") -> Kind:
    return Kind(tenant=tenant, function="peak", version=version, digest=digest)


def worker(name: str, of: Kind | None = None) -> ContainedWorker:
    return ContainedWorker(id=name, kind=of or kind(), instance=None)


def test_the_one_that_slept_least_is_taken_and_taken_once() -> None:
    sleepers = Sleepers(bound=3, keep_s=60)
    older, newer = worker("older"), worker("newer")
    sleepers.add(older, now=1.0)
    sleepers.add(newer, now=2.0)

    assert sleepers.take(kind()) is newer
    assert sleepers.take(kind()) is older
    assert sleepers.take(kind()) is None


def test_nobody_gets_a_container_of_another_kind() -> None:
    sleepers = Sleepers(bound=3, keep_s=60)
    sleepers.add(worker("one"), now=1.0)

    assert sleepers.take(kind(tenant="basra")) is None
    assert sleepers.take(kind(version=2)) is None
    assert sleepers.take(kind(digest="rotated")) is None
    assert len(sleepers) == 1


def test_beyond_the_bound_the_longest_asleep_goes_whosever_it_is() -> None:
    sleepers = Sleepers(bound=2, keep_s=60)
    first = worker("first", kind(tenant="basra"))
    assert sleepers.add(first, now=1.0) == []
    assert sleepers.add(worker("second"), now=2.0) == []

    assert sleepers.add(worker("third"), now=3.0) == [first]
    assert len(sleepers) == 2


def test_a_new_version_makes_those_of_the_old_useless_and_no_others() -> None:
    sleepers = Sleepers(bound=3, keep_s=60)
    old, neighbour = worker("old"), worker("neighbour", kind(tenant="basra"))
    sleepers.add(old, now=1.0)
    sleepers.add(neighbour, now=1.0)

    assert sleepers.outdated(kind(version=2)) == [old]
    assert sleepers.take(kind(tenant="basra")) is neighbour


def test_those_that_slept_too_long_or_are_wanted_no_more_are_due() -> None:
    sleepers = Sleepers(bound=3, keep_s=60)
    stale, removed = worker("stale"), worker("removed", kind(tenant="basra"))
    sleepers.add(stale, now=0.0)
    sleepers.add(removed, now=50.0)
    sleepers.add(worker("kept"), now=50.0)

    due = sleepers.due(now=60.0, wanted=lambda one: one.tenant != "basra")

    assert due == [stale, removed]
    assert len(sleepers) == 1


def test_without_room_none_are_kept() -> None:
    assert Sleepers(bound=0, keep_s=60).room is False
