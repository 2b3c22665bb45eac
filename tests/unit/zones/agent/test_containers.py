from pathlib import Path

import pytest

from zones.agent.containers import socket_folders


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("unix:///run/gf/kv/redis.sock?password=x", ["/run/gf/kv"], id="redis"),
        pytest.param(
            "postgresql://u:p@/gridfaas?host=/run/gf/pg&port=5432", ["/run/gf/pg"], id="postgresql"
        ),
        pytest.param(
            "unix:///run/redis.sock", ["/run/redis.sock"], id="a_crowded_folder_is_not_shared"
        ),
        pytest.param("unix:///run/a%20b/redis.sock", ["/run/a b"], id="a_quoted_path"),
        pytest.param("redis://host:6379", [], id="over_tcp"),
        pytest.param("postgresql://u:p@host:5432/gridfaas", [], id="postgresql_over_tcp"),
    ],
)
def test_what_a_container_must_see_of_a_store(url: str, expected: list[str]) -> None:
    assert socket_folders([url]) == [Path(path) for path in expected]
