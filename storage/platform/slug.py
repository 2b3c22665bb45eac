"""Tenant slugs: the short name in URLs, keys of the stores and names of roles."""

import re
from typing import Final

RESERVED: Final = frozenset({"platform", "up", "upb", "q"})
"""`up` and `upb` begin the hot store's keys of every uplink, `q` those of queues; `platform` is who
owns the platform's own functions, in accounts and metrics."""

# Every store must be able to name the tenant: the hot one takes single hyphens between words.
_SLUG: Final = re.compile(r"(?=.{2,31}\Z)[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


class InvalidSlug(ValueError):
    """The text cannot name a tenant."""

    def __init__(self, slug: str) -> None:
        reason = (
            "is reserved for the platform"
            if slug in RESERVED
            else "is not a slug: 2 to 31 of a-z and 0-9, beginning with a letter, with single '-' "
            "between words"
        )
        super().__init__(f"{slug[:40]!r} {reason}")
        self.slug = slug


def check_slug(slug: str) -> str:
    """Return `slug` if it can name a tenant.

    Raises:
        InvalidSlug: it cannot.
    """
    if slug in RESERVED or _SLUG.fullmatch(slug) is None:
        raise InvalidSlug(slug)
    return slug
