"""URLs of a Redis, as operators write them."""

import pytest

from storage.hot.address import Address, UrlRefused


@pytest.mark.parametrize(
    ("url", "where", "who", "introduction"),
    [
        pytest.param(
            "unix:///run/x/redis.sock?username=t:acme&password=a%2Fb",
            ("/run/x/redis.sock", "localhost", 6379),
            ("t:acme", "a/b"),
            [("AUTH", "t:acme", "a/b")],
            id="socket_and_query",
        ),
        pytest.param(
            "unix:///a%20folder/redis.sock",
            ("/a folder/redis.sock", "localhost", 6379),
            (None, None),
            [],
            id="socket_alone",
        ),
        pytest.param(
            "redis://t%3Aacme:p%40ss@store.example:7000/",
            (None, "store.example", 7000),
            ("t:acme", "p@ss"),
            [("AUTH", "t:acme", "p@ss")],
            id="host_and_user",
        ),
        pytest.param(
            "redis://:secret@store/3",
            (None, "store", 6379),
            (None, "secret"),
            [("AUTH", "secret"), ("SELECT", "3")],
            id="password_and_database",
        ),
    ],
)
def test_where_and_who(
    url: str,
    where: tuple[str | None, str, int],
    who: tuple[str | None, str | None],
    introduction: list[tuple[str, ...]],
) -> None:
    found = Address.of(url)

    assert (found.path, found.host, found.port) == where
    assert (found.username, found.password) == who
    assert found.introduction() == introduction
    assert found.tls is None
    assert found.password is None or found.password not in repr(found)


def test_tls_checks_the_server_and_its_name() -> None:
    found = Address.of("rediss://store.example")

    assert found.tls is not None
    assert found.tls.check_hostname


@pytest.mark.parametrize("url", ["http://store", "store:6379", "redis://store/first", ""])
def test_what_is_no_redis(url: str) -> None:
    with pytest.raises(UrlRefused):
        Address.of(url)
