"""Where a lab's backups go, kept beside its state so that `up` archives without being told."""

from pathlib import Path

import msgspec

from deploy.backup.failure import BackupFailure
from deploy.lab.home import Home
from storage.platform.snapshot import write_private


class BackupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`key_file` is a path: the key itself is kept by whoever made it, beside no backup."""

    address: str
    key_file: str | None = None
    keep: int = 7
    every_hours: float = 24.0


def plan_path(home: Home) -> Path:
    """Where the plan is."""
    return home.state / "backup.json"


def read_plan(home: Home) -> BackupPlan | None:
    """The plan, None where nobody made one.

    Raises:
        BackupFailure: it cannot be read.
    """
    try:
        return msgspec.json.decode(plan_path(home).read_bytes(), type=BackupPlan)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise BackupFailure(f"{plan_path(home)}: {error}") from error


def save_plan(home: Home, plan: BackupPlan) -> None:
    """Keep the plan (0600)."""
    write_private(plan_path(home), msgspec.json.format(msgspec.json.encode(plan)))
