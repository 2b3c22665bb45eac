"""A password is in no address that is shown."""

import pytest

from deploy.lab.shown_url import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param(
            "postgresql://audit:p%40ss@/gridfaas?host=/run/x&port=5432",
            "postgresql://audit@/gridfaas?host=/run/x&port=5432",
            id="a_socket",
        ),
        pytest.param(
            "postgresql://audit:p:w@db.example:5432/gridfaas",
            "postgresql://audit@db.example:5432/gridfaas",
            id="a_host",
        ),
        pytest.param(
            "postgresql:///gridfaas?user=audit&password=secret&host=/run/x",
            "postgresql:///gridfaas?user=audit&host=/run/x",
            id="in_the_query",
        ),
        pytest.param("postgresql://db/gridfaas", "postgresql://db/gridfaas", id="no_login"),
    ],
)
def test_everything_but_the_password_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown
