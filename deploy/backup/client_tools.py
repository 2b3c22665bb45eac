"""PostgreSQL's own client programs, run with a password that stands in no command line."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from deploy.backup.failure import BackupFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTools:
    """Folder of the programs, and what they need to reach the server."""

    folder: Path
    environment: dict[str, str]

    def command(self, program: str, *arguments: str) -> list[str]:
        """The argv of `program`.

        Raises:
            BackupFailure: it is not installed beside the server.
        """
        path = self.folder / program
        if not path.is_file():
            raise BackupFailure(f"{path} is missing: install PostgreSQL's client programs")
        return [str(path), *arguments]

    def start(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `program` in a session of its own; both its outputs are pipes."""
        return subprocess.Popen(
            self.command(program, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
            cwd="/",
            start_new_session=True,
        )


@contextmanager
def client_tools(folder: Path, database_url: str) -> Iterator[ClientTools]:
    """Give the programs in `folder` a login of `database_url` for the length of a block."""
    parts = urlsplit(database_url)
    said = parse_qs(parts.query)
    host = said.get("host", [parts.hostname or "localhost"])[0]
    port = said.get("port", [str(parts.port or 5432)])[0]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    handle, name = tempfile.mkstemp(prefix="gridfaas-pgpass-")
    try:
        with os.fdopen(handle, "w") as file:
            fields = (password.replace("\\", "\\\\").replace(":", "\\:"),)
            file.write(":".join(("*", "*", "*", user, *fields)) + "\n")
        environment = {
            "PATH": os.defpath,
            "LC_ALL": "C",
            "PGHOST": host,
            "PGPORT": port,
            "PGUSER": user,
            "PGPASSFILE": name,
            "PGAPPNAME": "gridfaas-backup",
            "PGCONNECT_TIMEOUT": "10",
        }
        yield ClientTools(folder=folder, environment=environment)
    finally:
        Path(name).unlink(missing_ok=True)
