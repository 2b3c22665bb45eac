"""Group commit: company for those who wait, and nobody harmed by it."""

import asyncio
from collections.abc import Sequence

import pytest

from functions.mdms.group_commit import GroupCommit, NotTogether
from storage.ports import StoreFull, StoreUnavailable


class Store:
    """Stores numbers when it is let; refuses some alone or in company."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.fails: dict[int, Exception] = {}

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.groups.append(list(items))
        await self.free.wait()
        for item in items:
            if item in self.fails:
                raise self.fails[item]
        return [item * 10 for item in items]


async def put_all(commits: GroupCommit[int, int], *items: int) -> list[int | BaseException]:
    puts = (commits.put(item, size=item) for item in items)
    return await asyncio.wait_for(asyncio.gather(*puts, return_exceptions=True), 10)


async def test_one_alone_goes_at_once() -> None:
    store = Store()

    assert await put_all(GroupCommit(store), 7) == [70]
    assert store.groups == [[7]]


async def test_those_of_one_turn_go_together_in_their_order() -> None:
    store = Store()

    assert await put_all(GroupCommit(store), 3, 1, 2) == [30, 10, 20]
    assert store.groups == [[3, 1, 2]]


async def test_what_comes_while_the_store_is_busy_goes_together_and_waits_for_it() -> None:
    store = Store()
    store.free.clear()
    commits = GroupCommit(store, lanes=1)
    first = asyncio.create_task(commits.put(1, size=1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(commits.put(item, size=1)) for item in (2, 3, 4)]
    await asyncio.sleep(0.02)

    # Nobody is answered before the store has it.
    assert not any(task.done() for task in (first, *later))
    assert store.groups == [[1]]
    store.free.set()
    assert await asyncio.wait_for(asyncio.gather(first, *later), 10) == [10, 20, 30, 40]
    assert store.groups == [[1], [2, 3, 4]]


async def test_lanes_bound_the_groups_under_way() -> None:
    store = Store()
    store.free.clear()
    commits = GroupCommit(store, lanes=2, max_group=2)
    tasks = []
    for item in (1, 2, 3, 4):
        tasks.append(asyncio.create_task(commits.put(item, size=1)))
        await asyncio.sleep(0.01)

    assert store.groups == [[1], [2]]
    store.free.set()
    assert await asyncio.wait_for(asyncio.gather(*tasks), 10) == [10, 20, 30, 40]
    assert store.groups[2:] == [[3, 4]]
    assert await put_all(commits, 5) == [50]


async def test_little_waits_for_the_group_under_way_and_much_does_not() -> None:
    store = Store()
    store.free.clear()
    commits = GroupCommit(store, lanes=2, max_group=6, company_s=60)
    tasks = []
    for item in (1, 2):
        tasks.append(asyncio.create_task(commits.put(item, size=1)))
        await asyncio.sleep(0.01)
    assert store.groups == [[1]]

    tasks.append(asyncio.create_task(commits.put(3, size=2)))
    await asyncio.sleep(0.01)
    assert store.groups == [[1], [2, 3]]

    tasks.append(asyncio.create_task(commits.put(4, size=1)))
    store.free.set()
    assert await asyncio.wait_for(asyncio.gather(*tasks), 10) == [10, 20, 30, 40]
    assert store.groups == [[1], [2, 3], [4]]


async def test_what_waited_for_company_goes_beside_a_group_that_takes_long() -> None:
    slow, groups = asyncio.Event(), []

    async def store(items: Sequence[int]) -> Sequence[int]:
        groups.append(list(items))
        if 1 in items:
            await slow.wait()
        return items

    commits = GroupCommit(store, lanes=2, company_s=0.01)
    first = asyncio.create_task(commits.put(1, size=1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert await put_all(commits, 2, 3) == [2, 3]
    assert await put_all(commits, 4) == [4]
    assert groups == [[1], [2, 3], [4]]
    assert not first.done()
    slow.set()
    assert await asyncio.wait_for(first, 10) == 1


async def test_a_group_is_bounded_by_the_sizes_of_its_items() -> None:
    store = Store()

    assert await put_all(GroupCommit(store, lanes=1, max_group=5), 2, 3, 1, 9, 4) == [
        20, 30, 10, 90, 40,
    ]  # fmt: skip
    assert store.groups == [[2, 3], [1], [9], [4]]


async def test_one_bad_item_fails_alone() -> None:
    store = Store()
    store.fails[2] = ValueError("a fault of this one")

    found = await put_all(GroupCommit(store), 1, 2, 3)

    assert (found[0], found[2]) == (10, 30)
    assert isinstance(found[1], ValueError)
    assert store.groups == [[1, 2, 3], [1], [2], [3]]


async def test_items_that_cannot_go_together_go_one_by_one() -> None:
    groups: list[list[int]] = []

    async def store(items: Sequence[int]) -> Sequence[int]:
        groups.append(list(items))
        if len(items) > 1:
            raise NotTogether
        return items

    assert await put_all(GroupCommit(store), 1, 2) == [1, 2]
    assert groups == [[1, 2], [1], [2]]


@pytest.mark.parametrize(
    "error", [StoreFull(retry_after_s=5, what="the uplink"), StoreUnavailable("silent")]
)
async def test_a_store_that_takes_nothing_is_asked_once(error: Exception) -> None:
    store = Store()
    store.fails[2] = error

    assert await put_all(GroupCommit(store), 1, 2, 3) == [error] * 3
    assert store.groups == [[1, 2, 3]]


async def test_who_stops_waiting_harms_nobody() -> None:
    store = Store()
    store.free.clear()
    commits = GroupCommit(store, lanes=1)
    tasks = [asyncio.create_task(commits.put(1, size=1))]
    await asyncio.sleep(0.01)
    tasks += [asyncio.create_task(commits.put(item, size=1)) for item in (2, 3)]
    await asyncio.sleep(0.01)
    for gone in tasks[:2]:
        gone.cancel()
    store.free.set()

    assert await asyncio.wait_for(tasks[2], 10) == 30
    assert store.groups == [[1], [3]]
    assert await put_all(commits, 4) == [40]
