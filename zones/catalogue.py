"""The functions that a zone can run, read from their function.yaml as data."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

Positive = Annotated[int, msgspec.Meta(ge=1)]

# Ten times as fast, where PyYAML was built with libyaml.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class CatalogueError(Exception):
    """A function.yaml that cannot be used; names the file and the field."""


class Scopes(msgspec.Struct, frozen=True, kw_only=True):
    """Scopes a caller needs; one of each list suffices, an empty list asks for none."""

    read: list[str] = []
    write: list[str] = []


class FunctionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What agent and gateway need of a function; the rest of its file is its workers' business.

    Memory in MiB, times in seconds, bodies in bytes.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    tiers: Annotated[list[Literal[1, 2, 3]], msgspec.Meta(min_length=1)]
    role: str
    route_prefix: str
    app: str
    owner: Literal["tenant", "platform"] = "tenant"
    scopes: Scopes = Scopes()
    memory_mb: Positive = 256
    timeout_s: Positive = 30
    concurrency: Positive = 32
    max_body_bytes: Positive = 8 * 1024 * 1024
    idle_s: Positive = 300
    min: Annotated[int, msgspec.Meta(ge=0)] = 0
    max: Positive = 1


def load_catalogue(folder: Path) -> dict[str, FunctionEntry]:
    """Read every `<folder>/*/function.yaml`, by the function's name.

    Raises:
        CatalogueError: a file cannot be read or has a wrong field, min is above max, or two
            functions have one name.
    """
    entries: dict[str, FunctionEntry] = {}
    for path in sorted(folder.glob("*/function.yaml")):
        try:
            entry = msgspec.convert(yaml.load(path.read_text(), Loader=_Loader), FunctionEntry)
        except (OSError, yaml.YAMLError, msgspec.ValidationError) as error:
            raise CatalogueError(f"{path}: {error}") from error
        if entry.name in entries:
            raise CatalogueError(f"{path}: another function is named {entry.name!r} - at `$.name`")
        if entry.min > entry.max:
            raise CatalogueError(f"{path}: min {entry.min} is above max {entry.max} - at `$.min`")
        entries[entry.name] = entry
    return entries
