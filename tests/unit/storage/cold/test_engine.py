import pytest

from storage.cold.engine import UnusableDatabaseUrl, create_engine, with_login


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            "postgresql://admin:pw@/gridfaas?host=/run/a%20b/pg&port=5432",
            "postgresql://t_acme:p%40%2F%3A%25@/gridfaas?host=/run/a+b/pg&port=5432",
            id="unix_socket",
        ),
        pytest.param(
            "postgresql://admin:p%40w@db.example:6432/gridfaas",
            "postgresql://t_acme:p%40%2F%3A%25@db.example:6432/gridfaas",
            id="tcp",
        ),
        pytest.param(
            "postgresql:///gridfaas?host=/run/pg&user=admin&password=pw",
            "postgresql://t_acme:p%40%2F%3A%25@/gridfaas?host=/run/pg",
            id="login_in_the_query",
        ),
    ],
)
def test_another_login_on_the_same_database(url: str, expected: str) -> None:
    assert with_login(url, user="t_acme", password="p@/:%") == expected


@pytest.mark.parametrize("url", ["", "mysql://u:secret@h/d", "u:secret@h/d"])
def test_another_kind_of_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UnusableDatabaseUrl) as refused:
        create_engine(url)

    assert "secret" not in str(refused.value)
