"""What a zone's credential may call: the routes of the link, and nothing else of a tenant's."""

from collections.abc import Iterable
from typing import Final

ZONE_ROUTES: Final = frozenset(
    {
        "/v1/mdms/uplink",
        "/v1/mdms/downlink",
        "/v1/mdms/downlink/version",
        "/v1/mdms/downlink/edits",
        "/v1/mdms/downlink/edits/position",
    }
)
ZONE_CREDENTIAL: Final = b"x-gridfaas-zone-credential"


class LinkRoutesOnly(PermissionError):
    """A zone's credential was used for something else than the link."""

    def __init__(self) -> None:
        super().__init__("a zone's credential is for the link: uplink and downlink only")


def check_zone_route(path: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Let the call pass unless a zone makes it to a route that is not the link's.

    Raises:
        LinkRoutesOnly: it does.
    """
    if path not in ZONE_ROUTES and any(name == ZONE_CREDENTIAL for name, _ in headers):
        raise LinkRoutesOnly
