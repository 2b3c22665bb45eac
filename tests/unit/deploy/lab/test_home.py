import os
from pathlib import Path

import pytest

from deploy.lab.home import Home, UnsafeFolder, find_home, make_home


@pytest.fixture
def as_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.mark.usefixtures("as_user")
def test_a_users_state_is_in_the_clone() -> None:
    home = find_home(environ={}, clone=Path("/home/ada/grid"))

    assert home.state == Path("/home/ada/grid/.gridfaas")
    assert home.run.parent == Path("/tmp")


@pytest.mark.usefixtures("as_root")
def test_roots_state_is_where_the_servers_account_can_reach_it() -> None:
    home = find_home(environ={}, clone=Path("/root/grid"))

    assert home.state.parent == Path("/var/lib/gridfaas")


@pytest.mark.usefixtures("as_root")
def test_two_clones_share_nothing() -> None:
    one, other = (find_home(environ={}, clone=Path(f"/root/{name}")) for name in ("a", "b"))

    assert one.state != other.state
    assert one.run != other.run


@pytest.mark.usefixtures("as_user")
def test_the_environment_chooses_the_state() -> None:
    home = find_home(environ={"GRIDFAAS_HOME": "/srv/grid"}, clone=Path("/home/ada/grid"))

    assert home.state == Path("/srv/grid")


@pytest.mark.usefixtures("as_user")
def test_sockets_fit_below_a_long_clone() -> None:
    home = find_home(environ={"XDG_RUNTIME_DIR": "/" + "x" * 90}, clone=Path("/" + "deep/" * 40))

    assert len(str(home.zone_run("zone-3a") / "w" / ("i" * 36))) <= 107


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnsafeFolder, match="not a folder of ours"):
        make_home(Home(tmp_path / "state", tmp_path / "run"))
