"""Become a command that ends with its owner: drop privileges, take a lock, then exec.

Run as a script, by any interpreter, before the privileges are gone: the command's account need
not be able to read Python. Needs nothing but the standard library.
"""

import argparse
import ctypes
import fcntl
import os
import sys
import time

PR_SET_PDEATHSIG = 1
LOCKED = 75
NOT_EXECUTABLE = 127


def _die_with_owner(owner: int, signal_number: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    # The owner may have died before the call above: nobody would tell us.
    if os.getppid() != owner:
        sys.exit(0)


def _hold_lock(path: str, wait_s: float) -> None:
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                sys.exit(LOCKED)
            time.sleep(0.05)
        else:
            break
    # Who to end, should our owner be killed and its successor find the lock still held.
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    # Inherited by the command and by all it forks: the lock lasts as long as the last of them.
    os.set_inheritable(lock, True)


def _drop(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main() -> None:
    """Parse the options, prepare the process and become the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--owner", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--lock")
    parser.add_argument("--lock-wait", type=float, default=0.0)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()

    _die_with_owner(options.owner, options.signal)
    if options.lock is not None:
        _hold_lock(options.lock, options.lock_wait)
    if options.uid is not None:
        _drop(options.uid, options.gid)
        # The kernel forgets the death signal when the uid changes.
        _die_with_owner(options.owner, options.signal)
    os.umask(0o077)
    try:
        os.execv(options.command[0], options.command)
    except OSError as error:
        sys.stderr.write(f"cannot run {options.command[0]}: {error.strerror}\n")
        sys.exit(NOT_EXECUTABLE)


if __name__ == "__main__":
    main()
