"""A function as its folder declares it in function.yaml."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Positive = Annotated[int, msgspec.Meta(ge=1)]

# Ten times as fast, where PyYAML was built with libyaml.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SpecError(Exception):
    """A function.yaml that cannot be used; names the file and the field."""


class Scopes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scopes a caller needs; one of each list suffices, an empty list asks for none."""

    read: list[str] = []
    write: list[str] = []


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Memory in MiB, times in seconds, bodies in bytes; `app` is `module:factory`."""

    name: Name
    tiers: Annotated[list[Literal[1, 2, 3]], msgspec.Meta(min_length=1)]
    role: Literal["FaaS", "SaaS", "BaaS"]
    owner: Literal["tenant", "platform"] = "tenant"
    route_prefix: Annotated[str, msgspec.Meta(pattern=r"^/v1/[a-z][a-z0-9_]*$")]
    app: Annotated[str, msgspec.Meta(pattern=r"^[\w.]+:\w+$")]
    scopes: Scopes = Scopes()
    memory_mb: Positive = 256
    timeout_s: Positive = 30
    concurrency: Positive = 32
    max_body_bytes: Positive = 8 * 1024 * 1024
    idle_s: Positive = 300
    min: Annotated[int, msgspec.Meta(ge=0)] = 0
    max: Positive = 1
    triggers: list[dict[str, str]] = []


def load_spec(path: Path) -> FunctionSpec:
    """Read one function.yaml.

    Raises:
        SpecError: unreadable, not YAML, a missing, unknown or wrong field, or min above max.
    """
    try:
        spec = msgspec.convert(yaml.load(path.read_text(), Loader=_Loader), FunctionSpec)
    except (OSError, yaml.YAMLError) as error:
        raise SpecError(f"{path}: {error}") from error
    except msgspec.ValidationError as error:
        raise SpecError(f"{path}: {error}") from error
    if spec.min > spec.max:
        raise SpecError(f"{path}: min {spec.min} is above max {spec.max} - at `$.min`")
    return spec


def load_specs(folder: Path) -> list[FunctionSpec]:
    """Read every `<folder>/*/function.yaml`, by name.

    Raises:
        SpecError: one of them cannot be used, or two have the same name.
    """
    specs: dict[str, FunctionSpec] = {}
    for path in sorted(folder.glob("*/function.yaml")):
        spec = load_spec(path)
        if spec.name in specs:
            raise SpecError(f"{path}: another function is named {spec.name!r} - at `$.name`")
        specs[spec.name] = spec
    return list(specs.values())
