import stat
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from storage.cold.engine import connect
from storage.platform.provision import TenantLoginUnreadable, TenantProvisioner
from storage.platform.slug import InvalidSlug


@pytest.fixture
def provisioner(admin: AsyncEngine, database_url: str, tmp_path: Path) -> TenantProvisioner:
    return TenantProvisioner(engine=admin, database_url=database_url, state_dir=tmp_path)


async def test_the_login_works_and_lasts(provisioner: TenantProvisioner, tmp_path: Path) -> None:
    url = await provisioner.provision("acme")
    again = await provisioner.provision("acme")
    connection = await connect(again)
    user = await connection.fetchval("SELECT current_user")
    await connection.close()

    assert user == "t_acme"
    assert again == url
    kept = tmp_path / "tenants" / "acme.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


async def test_a_lost_file_means_a_new_password(
    provisioner: TenantProvisioner, tmp_path: Path
) -> None:
    before = await provisioner.provision("acme")
    (tmp_path / "tenants" / "acme.json").unlink()

    after = await provisioner.provision("acme")

    assert after != before
    await (await connect(after)).close()


async def test_a_damaged_file_is_named(provisioner: TenantProvisioner, tmp_path: Path) -> None:
    (tmp_path / "tenants").mkdir()
    (tmp_path / "tenants" / "acme.json").write_bytes(b"{")

    with pytest.raises(TenantLoginUnreadable, match=r"acme\.json"):
        await provisioner.provision("acme")


async def test_a_slug_cannot_leave_the_folder(provisioner: TenantProvisioner) -> None:
    with pytest.raises(InvalidSlug):
        await provisioner.provision("../acme")
