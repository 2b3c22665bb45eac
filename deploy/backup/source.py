"""The record that is backed up: PostgreSQL of a lab's headquarters, running or not."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.backup.failure import BackupFailure
from deploy.lab.home import Home
from deploy.lab.lock import hold_lab, running_lab
from deploy.lab.topology import headquarters
from deploy.servers.account import server_account
from deploy.servers.binaries import find_postgres
from deploy.servers.postgres import PostgresServer, query
from zones.topology import Topology

_ABOUT = """
    SELECT (SELECT system_identifier FROM pg_control_system()) AS system,
        (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
        current_setting('server_version_num')::int / 10000 AS major,
        pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes,
        pg_is_in_recovery() AS recovering
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A record's server, and the folder of the programs of its version."""

    database_url: str = field(repr=False)
    programs: Path
    system: int
    timeline: int
    major: int
    segment_bytes: int


@contextmanager
def opened_source(
    home: Home, topology: Topology, *, environ: Mapping[str, str]
) -> Iterator[Source]:
    """Give the record of `home`, starting its PostgreSQL for the block if no lab runs there.

    Raises:
        BackupFailure: there is no record, or it is a standby's.
        ServerFailure: the server cannot be reached or started.
    """
    given = environ.get("DATABASE_URL")
    if given is not None:
        yield source_of(given, copies=home.server_state("postgres") / "binaries")
        return
    server = PostgresServer(
        home.server_state("postgres"),
        home.zone_run(headquarters(topology).name),
        log_path=home.logs / "postgres.log",
    )
    if not (server.state_dir / "data" / "PG_VERSION").exists():
        raise BackupFailure(f"there is no record in {home.state}: `gridfaas up` makes one")
    if running_lab(home.state) is not None:
        yield source_of(server.url, copies=server.state_dir / "binaries")
        return
    with hold_lab(home.state):
        home.run.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
        try:
            server.start()
            yield source_of(server.url, copies=server.state_dir / "binaries")
        finally:
            server.stop()


def source_of(database_url: str, *, copies: Path) -> Source:
    """Look at a running server; `copies` is where a wheel's programs may be copied.

    Raises:
        BackupFailure: it is a standby.
    """
    [about] = query(database_url, _ABOUT)
    if about["recovering"]:
        raise BackupFailure("the record's server is a standby; back up the one that is written to")
    binaries = find_postgres(account=server_account(), copies=copies, major=about["major"])
    return Source(
        database_url=database_url,
        programs=binaries.postgres.parent,
        system=about["system"],
        timeline=about["timeline"],
        major=about["major"],
        segment_bytes=about["segment_bytes"],
    )
