"""From which version a child zone gets the registry, by what it holds and what is held here."""

from functions.mdms.meter_schema import DownlinkPage
from storage.model.meter import RegistryPosition
from storage.model.rule_groups import ActiveRules


def first_version(*, held: RegistryPosition, incarnation: int) -> int | None:
    """Return the version after which the changes begin, None when there is nothing to give.

    A child of an older incarnation gets everything. One of a newer has heard of it before this
    zone did.
    """
    if held.incarnation == incarnation:
        return held.version
    return 0 if held.incarnation < incarnation else None


def rules_in(rules: ActiveRules, *, after: int, version: int) -> ActiveRules | None:
    """The rules if they belong on a page of the changes after `after` up to `version`.

    A registry that begins anew says so too where there are no rules yet: they go with the old one.
    """
    belongs = after < rules.version <= version or (after == 0 and rules.version == 0)
    return rules if belongs else None


def nothing_newer(incarnation: int) -> DownlinkPage:
    """The page of a zone that is behind the one that asks."""
    return DownlinkPage(after=0, version=0, complete=True, meters=[], incarnation=incarnation)
