import pytest

from storage.cold.walls import tenant_role
from storage.hot.keys import RESERVED_SLUGS
from storage.platform.slug import RESERVED, InvalidSlug, check_slug


@pytest.mark.parametrize("slug", ["ab", "acme", "acme-power-2", "a" * 31, "up-2", "upc"])
def test_slugs(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug",
    [
        *("", "a", "Acme", "2acme", "-acme", "acme-", "ac--me"),
        *("ac_me", 'ac"me', "acme\n", "äcme", "a" * 32),
    ],
)
def test_what_is_not_a_slug(slug: str) -> None:
    with pytest.raises(InvalidSlug):
        check_slug(slug)
    with pytest.raises(InvalidSlug):
        tenant_role(slug)


def test_a_role_is_the_slug_without_dashes() -> None:
    assert tenant_role("acme-power") == "t_acme_power"


@pytest.mark.parametrize("slug", sorted(RESERVED | RESERVED_SLUGS))
def test_a_tenant_cannot_take_a_name_of_the_platform(slug: str) -> None:
    with pytest.raises(InvalidSlug, match="reserved for the platform"):
        check_slug(slug)
