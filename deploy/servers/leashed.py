"""Children that end with us: started through the leash, logged, and stopped in bounded time."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.servers.account import Account
from deploy.servers.leash import LOCKED
from deploy.servers.log_pump import LogPump

LEASH = Path(__file__).with_name("leash.py")


@dataclass(slots=True)
class Leashed:
    """A running child and the pump of its output."""

    process: subprocess.Popen[bytes]
    log: LogPump

    @property
    def pid(self) -> int:
        """The child's process id; the leash execs, so it is the command's own."""
        return self.process.pid

    def returncode(self) -> int | None:
        """Return how the child ended, or None while it runs."""
        return self.process.poll()

    def lock_was_taken(self) -> bool:
        """Tell whether it ended because somebody else holds its lock."""
        return self.process.poll() == LOCKED

    def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> None:
        """Send each signal in turn, waiting its seconds; end with SIGKILL."""
        for number, wait_s in steps:
            if self.process.poll() is not None:
                break
            self.process.send_signal(number)
            try:
                self.process.wait(wait_s)
            except subprocess.TimeoutExpired:
                continue
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self.log.close()


def leash_command(
    command: Sequence[str],
    *,
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
    lock: Path | None = None,
    lock_wait_s: float = 0.0,
) -> list[str]:
    """Return the argv that runs `command` (absolute path first) tied to this process."""
    options = ["--owner", str(os.getpid()), "--signal", str(int(death_signal))]
    if account is not None and account.dropped:
        options += ["--uid", str(account.uid), "--gid", str(account.gid)]
    if lock is not None:
        options += ["--lock", str(lock), "--lock-wait", str(lock_wait_s)]
    return [sys.executable, "-I", "-S", str(LEASH), *options, "--", *command]


def launch(
    command: Sequence[str],
    *,
    log_path: Path,
    env: Mapping[str, str],
    account: Account | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    lock: Path | None = None,
    lock_wait_s: float = 0.0,
) -> Leashed:
    """Start `command` in a session of its own, so that a Ctrl-C reaches only its owner.

    Call it on a thread that lives as long as the process: the kernel sends the death signal
    when the thread that started the child ends.
    """
    argv = leash_command(
        command, account=account, death_signal=death_signal, lock=lock, lock_wait_s=lock_wait_s
    )
    log_path.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=dict(env),
        cwd="/",
        start_new_session=True,
    )
    assert process.stdout is not None
    return Leashed(process, LogPump(process.stdout, log_path))


def run_to_end(
    command: Sequence[str], *, account: Account, timeout_s: float, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a short command as the account and return what it printed.

    Raises:
        subprocess.TimeoutExpired: it was killed after `timeout_s`.
    """
    return subprocess.run(
        leash_command(command, account=account),
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": os.defpath, "LC_ALL": "C"},
        cwd="/",
        timeout=timeout_s,
        check=False,
        start_new_session=True,
    )
