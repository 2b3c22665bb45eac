"""Who is admitted when, over walls that refuse some tenants and remember who was asked for."""

import pytest

from zones.agent.wall_keeper import WallKeeper
from zones.agent.walls import Credentials, WallNotBuilt


class SomeWalls:
    """Keeps the port `Walls`; tenants in `refused` get no login, those in `kept` lose none."""

    def __init__(self) -> None:
        self.server = "first"
        self.refused: set[str] = set()
        self.kept: set[str] = set()
        self.logins: set[str] = set()
        self.asked: list[str] = []
        self.prepared = 0

    async def generation(self) -> str:
        return self.server

    async def prepare(self) -> None:
        self.prepared += 1

    async def admit(self, tenant: str) -> Credentials:
        self.asked.append(tenant)
        if tenant in self.refused:
            raise WallNotBuilt(f"{tenant}: no")
        self.logins.add(tenant)
        return Credentials(redis_url=tenant)

    async def admitted(self) -> frozenset[str]:
        return frozenset(self.logins)

    async def dismiss(self, tenant: str) -> None:
        self.asked.append(f"-{tenant}")
        if tenant in self.kept:
            raise WallNotBuilt(f"{tenant}: stays")
        self.logins.discard(tenant)

    async def admit_platform(self) -> Credentials:
        return Credentials()

    def taken(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


class Bench:
    """A keeper, its walls, its tenants and its clock."""

    def __init__(self) -> None:
        self.walls = SomeWalls()
        self.tenants = ["acme", "basra", "coil"]
        self.now_s = 100.0
        self.keeper = WallKeeper(self.walls, tenants=lambda: self.tenants, clock=lambda: self.now_s)

    async def round(self) -> list[str]:
        await self.keeper.reconcile()
        return self.walls.taken()


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_refused_tenant_has_nobody_provisioned_again(bench: Bench) -> None:
    bench.walls.refused = {"acme"}

    assert await bench.round() == ["acme", "basra", "coil"]
    assert await bench.round() == []
    bench.now_s += 60
    assert await bench.round() == ["acme"]
    assert bench.walls.prepared == 1
    assert not bench.keeper.done
    assert (await bench.keeper.credentials("coil")).redis_url == "coil"


async def test_a_new_tenant_comes_before_one_that_was_refused(bench: Bench) -> None:
    bench.walls.refused = {"acme"}
    await bench.round()
    bench.tenants.append("delta")

    assert await bench.round() == ["delta"]
    bench.now_s += 60
    bench.tenants.append("east")
    assert await bench.round() == ["east", "acme"]


async def test_a_refused_tenant_is_admitted_when_the_store_takes_it(bench: Bench) -> None:
    bench.walls.refused = {"acme"}
    await bench.round()
    bench.walls.refused.clear()
    bench.now_s += 60

    assert await bench.round() == ["acme"]
    assert bench.keeper.done


async def test_another_server_has_everybody_admitted_once(bench: Bench) -> None:
    bench.walls.refused = {"acme"}
    await bench.round()
    bench.walls.server = "second"

    assert sorted(await bench.round()) == ["acme", "basra", "coil"]
    assert await bench.round() == []
    assert bench.walls.prepared == 2


async def test_a_login_that_stays_is_asked_about_again_and_delays_nobody(bench: Bench) -> None:
    await bench.round()
    bench.walls.kept = {"acme"}
    bench.tenants[:] = ["basra", "coil", "delta"]

    assert await bench.round() == ["-acme", "delta"]
    assert await bench.round() == ["-acme"]
    bench.walls.kept.clear()
    assert await bench.round() == ["-acme"]
    assert await bench.round() == []
