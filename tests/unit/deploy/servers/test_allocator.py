"""An embedded Valkey inherits one allocator or the other's settings."""

from collections.abc import Iterator

import pytest

from deploy.servers import allocator
from deploy.servers.allocator import allocator_environment, jemalloc


@pytest.fixture(autouse=True)
def _looked_for_anew() -> Iterator[None]:
    jemalloc.cache_clear()
    yield
    jemalloc.cache_clear()


def test_a_jemalloc_of_the_system_is_preloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "find_library", lambda name: f"lib{name}.so.2")

    assert allocator_environment() == {"LD_PRELOAD": "libjemalloc.so.2"}


def test_without_one_glibcs_is_set_for_a_large_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "find_library", lambda _: None)

    [(name, settings)] = allocator_environment().items()

    assert name == "GLIBC_TUNABLES"
    assert "glibc.malloc.hugetlb=1" in settings.split(":")
