"""Where a tenant's function imports from, and which copy of a library it gets."""

import functools
import re
import sys
import sysconfig
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

_INFO = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)\.dist-info$")


def use_folders(*, folder: Path, env: Path | None) -> list[str]:
    """Put `folder`, then `env`, on the import path; return what the function's log should say.

    The order is: what this process has loaded already, the standard library, the function's
    folder, its own requirements, the runtime's libraries. So a requirement wins over the
    runtime's copy wherever that is possible: not for a library that the runtime itself has
    loaded, since one process holds one copy of a module. Each of those that the function asked
    for in another version is named in the returned lines.
    """
    sys.dont_write_bytecode = True
    ours = runtime_versions()
    own = [str(folder)] if env is None else [str(folder), str(env)]
    standard = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    behind = max(
        (at for at, path in enumerate(sys.path, 1) if _is_standard(path, standard)), default=0
    )
    sys.path[behind:behind] = own
    return [] if env is None else _overruled(env, ours)


@functools.cache
def runtime_versions() -> Mapping[str, str]:
    """The version of each installed distribution, by its name in lower case with "_" for "-".

    The zygote asks first: a tenant's user may not be able to read where they lie.
    """
    return {_plain(found.name): found.version for found in metadata.distributions() if found.name}


def _is_standard(path: str, standard: set[str]) -> bool:
    return path.endswith(".zip") or path in standard or path.endswith("lib-dynload")


def _overruled(env: Path, ours: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for entry in sorted(env.glob("*.dist-info")):
        found = _INFO.match(entry.name)
        if found is None:
            continue
        name = _plain(found["name"])
        loaded = ours.get(name)
        if name in sys.modules and loaded not in (None, found["version"]):
            lines.append(
                f"{found['name']} {loaded} is part of the runtime and used in place of"
                f" {found['version']}"
            )
    return lines


def _plain(name: str) -> str:
    return name.replace("-", "_").lower()
