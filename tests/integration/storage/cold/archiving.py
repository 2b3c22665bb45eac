"""A process that archives a record, or puts it back, and waits before and after each of its steps.

`archiving.py out|back DATABASE_URL SCHEMA FOLDER`: it says a step's name and goes on when a line
comes in, so that a test can end it between any two.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storage.cold.archive import moving, parquet_file, returning
from storage.cold.archive.moving import archive, opened_record, parts_before
from storage.cold.archive.returning import put_back
from tests.integration.stepped_process import say, wait

LATER = 40_000
TENANT = "acme"
STATEMENTS = {
    "INSERT INTO archive_files": "note",
    "DELETE FROM blocks": "delete",
    "UPDATE archive_files": "mark",
    "INSERT INTO blocks": "insert",
    "UPDATE blocks": "join",
}


def stepped(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        wait(f"before {name}")
        answer = work(*args, **named)
        wait(f"after {name}")
        return answer

    return call


class SteppedConnection:
    """A connection with a wait on both sides of each statement that writes."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def execute(self, statement: str, *args: Any) -> Any:
        text = " ".join(statement.split())
        step = next(name for head, name in STATEMENTS.items() if text.startswith(head))
        wait(f"before {step}")
        answer = await self._connection.execute(statement, *args)
        wait(f"after {step}")
        return answer


async def main(way: str, database_url: str, schema: str, folder: str) -> None:
    root = Path(folder)
    for module, name in (
        (moving, "write_file"),
        (moving, "check_file"),
        (parquet_file, "_settle"),
        (returning, "read_file"),
    ):
        setattr(module, name, stepped(name, getattr(module, name)))
    async with opened_record(database_url, schema=schema) as opened:
        connection: Any = SteppedConnection(opened)
        if way == "out":
            for part in await parts_before(opened, LATER):
                await archive(connection, part, tenant=TENANT, root=root, meters_a_file=2)
        else:
            await put_back(connection, root=root, first=0, last=LATER)
    say("done")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
