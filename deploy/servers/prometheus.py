"""Prometheus, where its binary is on PATH: scrapes the lab's gateways, keeps its data bounded."""

import json
import os
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.servers.account import Account, private_folder, require_reach, server_account
from deploy.servers.leashed import Leashed, launch

HOST = "127.0.0.1"
FILES = Path(__file__).parents[1] / "prometheus"
RETENTION_TIME = "15d"
RETENTION_SIZE = "512MB"
LOCK_WAIT_S = 10.0
STOP_STEPS = ((signal.SIGTERM, 20.0),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A zone's gateway, at a port of this machine."""

    zone: str
    tier: int
    port: int


class PrometheusServer:
    """One Prometheus over `state_dir`/data, on loopback; nothing else of the lab needs it."""

    name = "prometheus"

    def __init__(
        self,
        state_dir: Path,
        *,
        binary: Path,
        port: int,
        targets: Sequence[Target],
        log_path: Path,
        metrics_key: str = "",
        links_port: int | None = None,
    ) -> None:
        """`metrics_key` is the bearer key that the gateways ask for; empty when they do not.

        `links_port` is where the emulated links show theirs, if there are any.
        """
        self.account: Account = server_account()
        self._state_dir = state_dir
        self._binary = binary
        self._port = port
        self._targets = targets
        self._log_path = log_path
        self._metrics_key = metrics_key
        self._links_port = links_port
        self._child: Leashed | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process id, or None when it does not run."""
        return self._child.pid if self._child is not None and self.alive() else None

    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._child is not None and self._child.returncode() is None

    def last_lines(self) -> list[str]:
        """Return the end of its log."""
        return [] if self._child is None else self._child.log.last_lines()

    def launch(self) -> None:
        """Write its configuration and start it without waiting for it to answer.

        Raises:
            ServerFailure: its account cannot reach the folder.
        """
        self.stop()
        self._state_dir.mkdir(parents=True, exist_ok=True)
        if self.account.dropped:
            self._state_dir.chmod(0o711)
        require_reach(self._state_dir / "data", self.account)
        data = private_folder(self._state_dir / "data", self.account)
        self._child = launch(
            [
                *(str(self._binary), f"--config.file={self._write_configuration()}"),
                *(f"--storage.tsdb.path={data}", f"--web.listen-address={HOST}:{self._port}"),
                f"--storage.tsdb.retention.time={RETENTION_TIME}",
                f"--storage.tsdb.retention.size={RETENTION_SIZE}",
                *("--log.level=warn", "--log.format=json"),
            ],
            log_path=self._log_path,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            account=self.account,
            death_signal=signal.SIGTERM,
            lock=self._state_dir / "lock",
            lock_wait_s=LOCK_WAIT_S,
        )

    def stop(self) -> None:
        """End the process in order; a second call does nothing."""
        if self._child is not None:
            self._child.stop(STOP_STEPS)
            self._child = None

    def _write_configuration(self) -> Path:
        """Copy our files to where its account can read them, with the targets of this run."""
        folder = self._state_dir / "config"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(FILES / "rules", folder / "rules")
        shutil.copyfile(FILES / "lab.yml", folder / "prometheus.yml")
        gateways = [
            {
                "targets": [f"{HOST}:{target.port}"],
                "labels": {"zone": target.zone, "tier": str(target.tier)},
            }
            for target in self._targets
        ]
        (folder / "targets.json").write_text(json.dumps(gateways))
        links = [] if self._links_port is None else [f"{HOST}:{self._links_port}"]
        (folder / "links.json").write_text(json.dumps([{"targets": links}]))
        (folder / "own.json").write_text(json.dumps([{"targets": [f"{HOST}:{self._port}"]}]))
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        secret = private_folder(folder / "secrets", self.account) / "metrics_key"
        secret.touch(0o600)
        if self.account.dropped:
            os.chown(secret, self.account.uid, self.account.gid)
        secret.write_text(self._metrics_key)
        return folder / "prometheus.yml"
