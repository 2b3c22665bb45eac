"""A function as a zone can start it: what it declares, and where its code is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.platform.functions.spec import FunctionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """One version of a function, prepared; two that are equal make the same workers.

    Services of the platform have version 0 and no folder. `folder` holds the unpacked code, `env`
    the function's own requirements. `secrets` are those that it asks for, by name. `settings` are
    its tenant's for a service of the platform.
    """

    spec: FunctionSpec
    version: int = 0
    digest: str = ""
    folder: Path | None = None
    env: Path | None = None
    secrets: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        """Name the version without its secrets, so that a log line cannot hold them."""
        return f"Resolved({self.spec.name!r}, version={self.version})"
