"""The peer: binary COPY into a row-a-reading table, 10,000 rows a commit, one connection."""

import asyncio
import io
import time
from typing import Any, Final

import asyncpg
import numpy as np
import psutil

from deploy.benchmarks.cpu_seconds import cpu_seconds, used_since, with_children
from deploy.benchmarks.step import DAY_S, FIRST_METER, INTERVAL_S, SLOTS, Step
from deploy.servers.postgres import PostgresServer

ROWS_A_COMMIT: Final = 10_000
INDEXED: Final = "readings"
UNINDEXED: Final = "readings_unindexed"
CONNECT_TIMEOUT_S: Final = 10.0
COPY_TIMEOUT_S: Final = 60.0
_COLUMNS: Final = (
    "meter integer, register smallint, at timestamptz, value integer, quality smallint"
)
_TABLES: Final = f"""
    CREATE TABLE {INDEXED} ({_COLUMNS}, PRIMARY KEY (meter, register, at));
    CREATE TABLE {UNINDEXED} ({_COLUMNS});
"""
# PostgreSQL counts microseconds from 2000-01-01.
_EPOCH_S: Final = 946_684_800
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("meter_bytes", ">i4"),
        ("meter", ">i4"),
        ("register_bytes", ">i4"),
        ("register", ">i2"),
        ("at_bytes", ">i4"),
        ("at", ">i8"),
        ("value_bytes", ">i4"),
        ("value", ">i4"),
        ("quality_bytes", ">i4"),
        ("quality", ">i2"),
    ]
)


class CopyPeer:
    """Tables and the one connection; make it with `open_peer`."""

    def __init__(
        self, server: PostgresServer, connection: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        self._server = server
        self._connection = connection

    @property
    def version(self) -> str:
        """The server's version."""
        found = self._connection.get_server_version()
        return f"{found.major}.{found.minor}"

    def every_process(self) -> list[psutil.Process]:
        """Return the server's processes, those of its connections and its own work included."""
        return with_children(self._server.pid) if self._server.pid is not None else []

    async def run(self, step: Step, *, table: str) -> dict[str, Any]:
        """Copy the readings of `step` into `table`, emptied before; return the figures.

        Rows are encoded beforehand. Each COPY is a transaction of its own.
        """
        await self._connection.execute(f"TRUNCATE {table}")
        commits = encode_rows(step)
        groups = {"postgres": self.every_process()}
        before, client, began = cpu_seconds(groups), time.process_time(), time.perf_counter()
        for rows in commits:
            await self._connection.copy_to_table(
                table, source=io.BytesIO(rows), format="binary", timeout=COPY_TIMEOUT_S
            )
        seconds = time.perf_counter() - began
        cpu = {"client": round(time.process_time() - client, 4), **used_since(before, groups)}
        return {
            "readings": step.readings,
            "commits": len(commits),
            "seconds": round(seconds, 4),
            "cpu_seconds": cpu,
        }

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close(timeout=CONNECT_TIMEOUT_S)


async def open_peer(server: PostgresServer) -> CopyPeer:
    """Make the tables and open the connection; both stay for all rounds."""
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        connection = await asyncpg.connect(server.url)
    await connection.execute(_TABLES)
    return CopyPeer(server, connection)


def encode_rows(step: Step) -> list[bytes]:
    """Return the step's rows in its order, as whole binary COPY streams, one a commit.

    Meter and register are small numbers here, where our bodies name them: narrower rows than
    those of a database that keeps their names.
    """
    place = np.arange(step.skip, step.skip + step.readings)
    day, rest = np.divmod(place, step.meters * SLOTS)
    if step.shape == "live":
        slot, meter = np.divmod(rest, step.meters)
    else:
        meter, slot = np.divmod(rest, SLOTS)
    at_s = step.first_s + day * DAY_S + slot * INTERVAL_S
    rows = np.empty(step.readings, dtype=_ROW)
    for name in _ROW.names or ():
        if name.endswith("_bytes"):
            rows[name] = _ROW[name.removesuffix("_bytes")].itemsize
    rows["fields"] = 5
    rows["meter"] = meter + FIRST_METER
    rows["register"] = 1
    rows["at"] = (at_s - _EPOCH_S) * 1_000_000
    rows["value"] = np.random.default_rng(1).integers(0, 2_000, step.readings)
    rows["quality"] = 0
    return [
        _SIGNATURE + rows[begin : begin + ROWS_A_COMMIT].tobytes() + _TRAILER
        for begin in range(0, step.readings, ROWS_A_COMMIT)
    ]
