"""A new function's folder: one that works, with its test, to be changed into what is wanted."""

import re
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")

FILES: Final = {
    "function.yaml": """\
# What each field may hold: functions/runtime/README.md of GridFaaS.
name: {name}
tiers: [1, 2, 3]
memory_mb: 128
timeout_s: 10
config:
  unit: Wh
""",
    "handler.py": '''\
"""{name}: adds up what it is sent."""

from functions.runtime.api import Context, Event, Refused


async def handle(event: Event, context: Context) -> dict[str, object]:
    """Take {{"values": [...]}} and answer the sum, with the unit that function.yaml names."""
    values = event.json(dict[str, list[int]]).get("values")
    if not values:
        raise Refused(422, "send {{\\"values\\": [1, 2, ...]}}", slug="no-values")
    context.log.info("summed", values=len(values))
    return {{"sum": sum(values), "unit": context.config["unit"], "zone": context.zone}}
''',
    "test_handler.py": '''\
"""Run `pytest` in this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.runtime.testing import FunctionClient


@pytest.fixture
def client() -> Iterator[FunctionClient]:
    with FunctionClient(Path(__file__).parent, zone="zone-3a") as client:
        yield client


def test_values_are_summed(client: FunctionClient) -> None:
    answer = client.post("/", json={{"values": [250, 300]}})

    assert answer.status_code == 200
    assert answer.json() == {{"sum": 550, "unit": "Wh", "zone": "zone-3a"}}


def test_nothing_to_sum_is_refused(client: FunctionClient) -> None:
    answer = client.post("/", json={{"values": []}})

    assert answer.status_code == 422
''',
    "README.md": """\
# {name}

`pytest` tests it, `gridfaas fn serve .` runs it here, `gridfaas fn deploy .` puts it to work.
""",
}


class FolderInUse(Exception):
    """The folder is there and is not empty."""


class NameRefused(ValueError):
    """A function cannot have this name."""


def write_template(folder: Path, name: str) -> list[Path]:
    """Write a working function named `name` into `folder`, which may not exist yet or be empty.

    Returns the files. `pytest` in the folder passes.

    Raises:
        NameRefused: not a lower-case letter followed by up to 62 of a-z, 0-9, "_" and "-".
        FolderInUse: there is something in the folder; nothing was written.
        OSError: the folder cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise NameRefused(f'{name!r}: use a-z, then up to 62 of a-z, 0-9, "_", "-"')
    if folder.exists() and any(folder.iterdir()):
        raise FolderInUse(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for file, text in FILES.items():
        path = folder / file
        path.write_text(text.format(name=name))
        written.append(path)
    return written
