"""Where a callback may go: the URL's form, and the address that it stands for."""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_URL: Final = 2_000
RESOLVE_S: Final = 5.0
# All that is routed between networks; the old carriers of IPv4 beside it count by what they carry.
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


class CallbackRefused(ValueError):
    """The callback's URL cannot be used, or leads where tenants' callbacks must not go."""


class NameUnknown(Exception):
    """The host's name could not be resolved; it may be, later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL and the one address of its host that is connected to."""

    url: SplitResult
    address: Ip

    @property
    def pinned_url(self) -> str:
        """The URL with the address in place of the host's name, so that it is resolved once."""
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        netloc = host if self.url.port is None else f"{host}:{self.url.port}"
        return self.url._replace(netloc=netloc, fragment="").geturl()

    @property
    def host_header(self) -> str:
        """What the server is asked for."""
        return self.url.netloc


def check_url(text: str, *, private: bool) -> SplitResult:
    """Return the parts of a URL that a callback may be sent to, as far as its text tells.

    Raises:
        CallbackRefused: not http or https, no host, a login in it, too long, or a literal address
            that is not public (unless `private`).
    """
    if len(text) > MAX_URL or not text.isascii() or not text.isprintable() or " " in text:
        raise CallbackRefused("a callback's URL is up to 2,000 printable ASCII characters")
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise CallbackRefused(f"the callback's URL cannot be read: {error}") from error
    if url.scheme not in ("http", "https") or not url.hostname:
        raise CallbackRefused("a callback's URL begins with http:// or https:// and a host")
    if url.username is not None or url.password is not None:
        raise CallbackRefused("a callback's URL holds no login")
    if port == 0:
        raise CallbackRefused("a callback's port is not 0")
    try:
        literal = ipaddress.ip_address(url.hostname)
    except ValueError:
        return url
    _check_address(literal, private=private)
    return url


async def resolve(url: SplitResult, *, private: bool) -> Target:
    """Look the host up and choose an address; all of them have to be allowed.

    Raises:
        CallbackRefused: an address is not public, and `private` ones are not allowed.
        NameUnknown: there is no address, or no answer in time.
    """
    assert url.hostname is not None
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(url.hostname, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        raise NameUnknown(f"{url.hostname} cannot be resolved: {error!r}") from error
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if not addresses:
        raise NameUnknown(f"{url.hostname} has no address")
    for address in addresses:
        _check_address(address, private=private)
    return Target(url=url, address=addresses[0])


def is_public(address: Ip) -> bool:
    """Whether an address is one of the public Internet, also of the one that it carries inside."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is None and address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not address.is_multicast


def _check_address(address: Ip, *, private: bool) -> None:
    if not private and not is_public(address):
        raise CallbackRefused(f"callbacks do not go to {address}, which is no public address")
