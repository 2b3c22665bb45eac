"""Versions of tenants' functions as the record keeps them, and what is refused."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from storage.platform.functions.spec import FunctionSpec

MAX_FUNCTIONS: Final = 2_000
"""Of a tenant; each is in the snapshot of its zones."""
MAX_BUNDLE_BYTES: Final = 1 << 30
"""Of a tenant's bundles in the record, packed, over all versions that are kept."""
KEPT_VERSIONS: Final = 20
"""Of a function, to roll back to."""


class UnknownFunction(Exception):
    """The tenant has no such function."""

    def __init__(self, tenant: str, name: str) -> None:
        super().__init__(f"tenant {tenant} has no function {name}")
        self.name = name


class UnknownVersion(Exception):
    """The function has no such version (any more)."""

    def __init__(self, name: str, version: int | None) -> None:
        wanted = "version before the current one" if version is None else f"version {version}"
        super().__init__(f"function {name} has no {wanted}")
        self.name = name


class NameTaken(Exception):
    """A service of the platform has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is a service of the platform: choose another name")
        self.name = name


class TooManyFunctions(Exception):
    """The tenant has as many functions as it may."""

    def __init__(self, tenant: str, most: int) -> None:
        super().__init__(f"tenant {tenant} has {most} functions, the most that it may: remove one")
        self.most = most


class TooMuchCode(Exception):
    """The tenant's bundles take as much of the record as they may."""

    def __init__(self, tenant: str, most: int) -> None:
        super().__init__(
            f"the versions of tenant {tenant}'s functions take more than {most >> 20} MiB:"
            " remove a function"
        )
        self.most = most


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version; it never changes. `created_at` is aware UTC, `created_by` a key's id."""

    version: int
    digest: str
    spec: FunctionSpec
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedFunction:
    """A function of a tenant with the versions that are kept, oldest first."""

    tenant: str
    name: str
    current: int
    versions: tuple[Version, ...]

    @property
    def in_force(self) -> Version:
        """The version that zones shall run."""
        return next(one for one in self.versions if one.version == self.current)


def spec_of(stored: Any) -> FunctionSpec:
    """Return the spec that a row holds.

    Raises:
        msgspec.ValidationError: another release wrote it, which knew other fields.
    """
    return msgspec.convert(stored, FunctionSpec)
