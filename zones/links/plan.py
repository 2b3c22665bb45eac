"""Which links a design has between its zones, and of what media."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from zones.links.medium import Medium, Name, NotNegative, Source

METERS = "meters"
"""What stands below an edge: the access network of its meters is a link, too."""


class Failover(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast another path takes over, and how long a better one must work to be used again."""

    after_ms: NotNegative
    back_after_s: NotNegative
    source: Source


AT_ONCE = Failover(after_ms=0, back_after_s=0, source="no other path to change to")


class Link(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link as a design names it: between two zones (or meters and a zone), best path first."""

    below: Name = msgspec.field(name="from")
    above: Name = msgspec.field(name="to")
    paths: Annotated[list[Name], msgspec.Meta(min_length=1, max_length=4)]
    failover: Failover = AT_ONCE

    @property
    def name(self) -> str:
        """The link's name in metrics and in the control API."""
        return f"{self.below}-to-{self.above}"


class LinkPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A link with the figures of its media."""

    name: str
    paths: list[Medium]
    failover: Failover


def link_plan(link: Link, media: Mapping[str, Medium]) -> LinkPlan:
    """Look the media of a link up.

    Raises:
        KeyError: there is no medium of that name.
    """
    return LinkPlan(
        name=link.name, paths=[media[name] for name in link.paths], failover=link.failover
    )
