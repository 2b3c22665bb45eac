"""Lets a worker go on importing after it became a tenant's uid, wherever the interpreter lies.

Python and the packages may be below a folder that only root may pass, such as /root. What was
imported before the change of uid works on, but nothing new could be: neither the standard library
nor the runtime's own packages.
"""

import functools
import importlib.machinery
import os
import sys
from collections.abc import Mapping
from importlib.abc import PathEntryFinder

_FINDER = importlib.machinery.FileFinder.path_hook(
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
    (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
)


@functools.cache
def import_folders() -> frozenset[str]:
    """Name the folders that this process imports from, as they were when this was first asked.

    A zygote asks before it forks: to look at every module touches, and so copies, its page.
    """
    found = {os.path.abspath(path) for path in sys.path if path}
    for name, module in list(sys.modules.items()):
        # An installed package may lie elsewhere, as in a clone that is worked in.
        if "." not in name:
            found.update(map(str, getattr(module, "__path__", ())))
    return frozenset(found)


def open_import_folders() -> dict[str, int]:
    """Open the folders that this process imports from; to be called before the change of uid.

    Returns descriptors by path, for `keep_importing`. A descriptor opens nothing but what the
    permissions below its folder allow: above it nothing can be reached that could not be before.
    """
    opened: dict[str, int] = {}
    for folder in sorted(import_folders()):
        if not any(_below(folder, known) for known in opened):
            try:
                opened[folder] = os.open(folder, os.O_PATH | os.O_DIRECTORY)
            except OSError:
                # A path that is not there, or a zip file: the interpreter skips it as well.
                continue
    return opened


def keep_importing(opened: Mapping[str, int]) -> None:
    """Import by the descriptors from now on wherever the path itself is closed to this uid."""
    closed: dict[str, str] = {}
    for folder, descriptor in opened.items():
        if os.access(folder, os.R_OK | os.X_OK):
            os.close(descriptor)
        else:
            closed[folder] = f"/proc/self/fd/{descriptor}"
    if not closed:
        return

    def find(path: str) -> PathEntryFinder:
        for folder, way in closed.items():
            if _below(path, folder):
                return _FINDER(way + path[len(folder) :])
        raise ImportError(path)

    sys.path_hooks.insert(0, find)
    for path in [path for path in sys.path_importer_cache if any(_below(path, f) for f in closed)]:
        del sys.path_importer_cache[path]


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
