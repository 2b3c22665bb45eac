"""Tenant slugs: the short name in URLs, keys of the stores and names of roles."""

import re
from typing import Final

_SLUG: Final = re.compile(r"[a-z][a-z0-9-]{1,30}")


class InvalidSlug(ValueError):
    """The text cannot name a tenant."""

    def __init__(self, slug: str) -> None:
        super().__init__(
            f"{slug[:40]!r} is not a slug: 2 to 31 of a-z, 0-9 and '-', beginning with a letter"
        )
        self.slug = slug


def check_slug(slug: str) -> str:
    """Return `slug` if it can name a tenant.

    Raises:
        InvalidSlug: it cannot.
    """
    if _SLUG.fullmatch(slug) is None:
        raise InvalidSlug(slug)
    return slug
