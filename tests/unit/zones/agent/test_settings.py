from pathlib import Path

from zones.agent.settings import AgentSettings


def settings(folder: Path, *, gateway_dir: Path | None = None) -> AgentSettings:
    return AgentSettings(
        zone="zone-3a",
        tier=3,
        state_dir=folder / "state",
        run_dir=folder / "run",
        gateway_url="http://127.0.0.1:8083",
        gateway_dir=gateway_dir,
    )


def test_a_gateway_with_a_folder_of_its_own_sees_nothing_else_of_the_state(tmp_path: Path) -> None:
    apart = settings(tmp_path, gateway_dir=tmp_path / "gateway")

    assert {apart.snapshot_path.parent, apart.ledger_folder.parent} == {tmp_path / "gateway"}
    assert apart.deployments_folder.parent == apart.logs_folder.parent == tmp_path / "state"


def test_without_one_it_shares_the_agents(tmp_path: Path) -> None:
    assert settings(tmp_path).snapshot_path.parent == tmp_path / "state"
    assert settings(tmp_path).channels_dir == tmp_path / "run" / "c"
