"""A zygote for a module's tests, and folders of functions for it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.integration.functions.runtime.zygote_process import Zygote, running_zygote

WriteFunction = Callable[..., Path]


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A short folder that tenants' uids can read, as an agent's folder of bundles is."""
    folder = Path(tempfile.mkdtemp(prefix="gf-fn-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def zygote(open_folder: Path) -> Iterator[Zygote]:
    """A zygote that is up."""
    with running_zygote(open_folder) as zygote:
        yield zygote


@pytest.fixture(scope="module")
def write_function(open_folder: Path) -> WriteFunction:
    """Write the files of a function, dedented, into a folder of its name."""

    def write(name: str, **files: str) -> Path:
        folder = open_folder / name
        folder.mkdir()
        for stem, text in files.items():
            (folder / f"{stem}.py").write_text(dedent(text))
        return folder

    return write
