"""The URL by which a tenant logs in, from the administrator's; made without a server."""

import pytest
from redis.asyncio.connection import parse_url

from storage.hot.acl import with_login


@pytest.mark.parametrize(
    ("admin_url", "expected"),
    [
        pytest.param(
            "unix:///run/x/redis.sock?username=admin&password=secret",
            "unix:///run/x/redis.sock?username=t%3Aacme&password=a%2Fb+c",
            id="a_unix_socket_keeps_its_three_slashes",
        ),
        pytest.param(
            "redis://admin:secret@10.0.0.1:6379/3",
            "redis://t%3Aacme:a%2Fb%20c@10.0.0.1:6379",
            id="tcp_with_a_database",
        ),
        pytest.param(
            "rediss://10.0.0.1:6379/0?username=admin&password=secret&db=2",
            "rediss://t%3Aacme:a%2Fb%20c@10.0.0.1:6379",
            id="tls_with_the_login_in_the_query",
        ),
    ],
)
def test_a_tenants_url(admin_url: str, expected: str) -> None:
    url = with_login(admin_url, user="t:acme", password="a/b c")

    assert url == expected
    parsed = parse_url(url)
    assert (parsed["username"], parsed["password"]) == ("t:acme", "a/b c")
    assert "secret" not in url
