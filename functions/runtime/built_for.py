"""Requirements were installed by the agent's Python; a container's may be another."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from functions.runtime.function_app import FunctionUnusable


def check_environment(env: str | None) -> None:
    """Refuse compiled requirements that this interpreter cannot load.

    Raises:
        FunctionUnusable: they are another version's; says how to get an image of that version.
    """
    if env is None:
        return
    compiled = next(Path(env).rglob("*.cpython-*.so"), None)
    # The first one is this version's; the others fit every version.
    if compiled is None or compiled.name.endswith(EXTENSION_SUFFIXES[0]):
        return
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise FunctionUnusable(
        f"{compiled.name} of its requirements is for another Python than the workers' {ours}: "
        "build their image with --build-arg PYTHON_IMAGE=python:3.N-slim, N as the agent's"
    )
