"""The account that embedded servers run under, and which folders it can reach."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.servers.failure import ServerFailure

# initdb looks its own uid up in the password database, so the account has to exist by name.
CANDIDATES = ("postgres", "nobody", "daemon")


class NoServerAccount(ServerFailure):
    """We are root, and none of the accounts that may run a server exists."""


class UnreachableFolder(ServerFailure):
    """The server's account cannot pass through a parent of its folder."""


@dataclass(frozen=True, slots=True)
class Account:
    """A uid and gid; `dropped` tells that we are root and have to become it."""

    uid: int
    gid: int
    dropped: bool


def server_account() -> Account:
    """Return who servers run as: ourselves, or an unprivileged account when we are root.

    Raises:
        NoServerAccount: we are root and no candidate exists.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), dropped=False)
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, dropped=True)
    names = ", ".join(CANDIDATES)
    raise NoServerAccount(f"servers must not run as root, and no account of {names} exists")


def can_reach(path: Path, account: Account) -> bool:
    """Tell whether the account may pass every parent of `path`, as far as mode bits say."""
    if not account.dropped:
        return os.access(path.resolve().parent, os.X_OK)
    return all(_passable(parent.stat(), account) for parent in path.resolve().parents)


def require_reach(path: Path, account: Account) -> None:
    """Raise UnreachableFolder unless the account may pass every parent of `path`."""
    if not can_reach(path, account):
        raise UnreachableFolder(
            f"the servers' account (uid {account.uid}) cannot reach {path}; "
            "set GRIDFAAS_HOME to a folder whose parents are open to all (mode o+x)"
        )


def private_folder(path: Path, account: Account) -> Path:
    """Make a folder that belongs to the account alone (0700) and return it."""
    path.mkdir(parents=True, exist_ok=True)
    if account.dropped:
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)
    return path


def socket_folder(path: Path, account: Account) -> Path:
    """Make a folder for a server's socket: writable by the account, passable for its clients.

    Clients are workers with a uid per tenant when we are root, and only ourselves otherwise.
    """
    private_folder(path, account)
    if account.dropped:
        path.chmod(0o711)
    return path


def _passable(entry: os.stat_result, account: Account) -> bool:
    if entry.st_uid == account.uid:
        return bool(entry.st_mode & stat.S_IXUSR)
    if entry.st_gid == account.gid:
        return bool(entry.st_mode & stat.S_IXGRP)
    return bool(entry.st_mode & stat.S_IXOTH)
