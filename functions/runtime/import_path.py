"""Where a tenant's function imports from, and which copy of a library it gets."""

import re
import sys
import sysconfig
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
    # Asked first: behind the change a version would be that of the function's own copy.
    overruled = [] if env is None else _overruled(env)
    own = [str(folder)] if env is None else [str(folder), str(env)]
    standard = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    behind = max(
        (at for at, path in enumerate(sys.path, 1) if _is_standard(path, standard)), default=0
    )
    sys.path[behind:behind] = own
    return overruled


def _is_standard(path: str, standard: set[str]) -> bool:
    return path.endswith(".zip") or path in standard or path.endswith("lib-dynload")


def _overruled(env: Path) -> list[str]:
    lines: list[str] = []
    for entry in sorted(env.glob("*.dist-info")):
        found = _INFO.match(entry.name)
        if found is None:
            continue
        name, asked = found["name"], found["version"]
        if name.replace("-", "_").lower() not in sys.modules and name not in sys.modules:
            continue
        try:
            loaded = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if loaded != asked:
            lines.append(f"{name} {loaded} is part of the runtime and used in place of {asked}")
    return lines
