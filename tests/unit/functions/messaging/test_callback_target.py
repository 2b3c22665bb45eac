"""Callbacks go to the public Internet and nowhere else."""

import ipaddress

import pytest

from functions.messaging.callback_target import (
    CallbackRefused,
    Target,
    check_url,
    is_public,
    resolve,
)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "fec0::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/x", "file:///etc/passwd", "//example.org", "example.org", "http://",
        "http://user:secret@example.org/", "http://example.org:99999/", "http://example.org:0/",
        "http://exa mple.org/", "http://example.org/\r\nx: y", "http://127.0.0.1:6379/",
        "http://[::1]/", "https://169.254.169.254/latest", "http://" + "x" * 2_100,
    ],
)  # fmt: skip
def test_urls_that_are_refused_by_their_text(url: str) -> None:
    with pytest.raises(CallbackRefused):
        check_url(url, private=False)


@pytest.mark.parametrize(
    "url", ["https://example.org/x?y=1", "http://example.org:8080", "http://8.8.8.8/"]
)
def test_urls_that_pass(url: str) -> None:
    assert check_url(url, private=False).geturl() == url


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1"])
async def test_a_name_of_a_private_address_is_refused_when_it_is_looked_up(host: str) -> None:
    url = check_url(f"http://{host}/x", private=False)
    with pytest.raises(CallbackRefused, match="no public address"):
        await resolve(url, private=False)


async def test_a_lab_may_allow_private_addresses() -> None:
    target = await resolve(check_url("http://127.0.0.1:81/x?y", private=True), private=True)

    assert (target.pinned_url, target.host_header) == ("http://127.0.0.1:81/x?y", "127.0.0.1:81")


def test_the_address_is_connected_to_and_the_name_is_asked_for() -> None:
    url = check_url("https://example.org:8443/x?y=1#part", private=False)
    target = Target(url=url, address=ipaddress.ip_address("2606:4700::1111"))

    assert target.pinned_url == "https://[2606:4700::1111]:8443/x?y=1"
    assert target.host_header == "example.org:8443"
