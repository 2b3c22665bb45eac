"""What allocates memory in a Valkey that is linked with glibc: jemalloc where the system has it."""

import functools
from collections.abc import Mapping
from ctypes.util import find_library
from typing import Final

# Caches of 7 blocks a size are for small programs, and small pages, too. What a large call took is
# kept for the next one: given back each time, its huge pages are cleared each time.
_GLIBC: Final = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in (
        ("tcache_count", 60_000),
        ("hugetlb", 1),
        ("mmap_threshold", 32 << 20),
        ("trim_threshold", 64 << 20),
    )
)


@functools.cache
def jemalloc() -> str | None:
    """The name by which the loader finds the system's jemalloc, None where there is none."""
    return find_library("jemalloc")


def allocator_environment() -> Mapping[str, str]:
    """Return what a server is to inherit; see `deploy/decisions/0036`."""
    library = jemalloc()
    return {"GLIBC_TUNABLES": _GLIBC} if library is None else {"LD_PRELOAD": library}
