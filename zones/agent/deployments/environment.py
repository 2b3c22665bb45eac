"""A function's own requirements, installed once for a bundle, and never by the function."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from zones.agent.deployments.depot import UNFINISHED

INSTALLER_UID = 199_999
"""Below the tenants'; it runs pip, which runs no code of what it installs."""
INSTALL_DEADLINE_S = 300.0
MAX_ENV_BYTES = 256 << 20
MAX_ENV_FILES = 50_000
_SAID_BYTES = 2_000
_CHILD = Path(__file__).with_name("pip_child.py")
# pip's own files name the index; an address with a password must not be seen by workers.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "HOME", "TZ")


class InstallFailed(Exception):
    """The requirements cannot be had; says what pip said."""


async def install_requirements(requirements: bytes, env: Path) -> None:
    """Install pinned and hashed requirements into `env`, a folder that is made here.

    Under root it is done by `INSTALLER_UID`, and `env` is root's in the end: nobody's function
    can change what another one imports.

    Raises:
        InstallFailed: pip refused, took too long, or installed too much.
        OSError: folders cannot be made.
    """
    root = os.geteuid() == 0
    work = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=env.parent))
    try:
        wanted, target = work / "requirements.txt", work / "env"
        wanted.write_bytes(requirements)
        target.mkdir(mode=0o755)
        if root:
            for path in (work, wanted, target):
                os.chown(path, INSTALLER_UID, INSTALLER_UID)
        uid = str(INSTALLER_UID) if root else "-"
        await _run([str(wanted), str(target), str(work), uid])
        await asyncio.to_thread(_close, target)
        target.rename(env)
    finally:
        await asyncio.to_thread(shutil.rmtree, work, True)


async def _run(arguments: list[str]) -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(_CHILD), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        cwd="/",
        start_new_session=True,
    )
    said = b""
    try:
        async with asyncio.timeout(INSTALL_DEADLINE_S):
            assert child.stderr is not None
            while piece := await child.stderr.read(4096):
                said = (said + piece)[-_SAID_BYTES:]
            status = await child.wait()
    except TimeoutError as error:
        raise InstallFailed(f"pip took longer than {INSTALL_DEADLINE_S:.0f} s") from error
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
    if status != 0:
        lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")]
        raise InstallFailed("; ".join((errors or lines)[-3:]) or f"pip ended with {status}")


def _close(target: Path) -> None:
    """Make what was installed ours and everybody's to read; a link in it is removed."""
    size = count = 0
    ours = (os.geteuid(), os.getegid())
    for folder, folders, files in os.walk(target):
        for name in (*folders, *files):
            path = Path(folder) / name
            if path.is_symlink():
                path.unlink()
                continue
            count += 1
            size += path.stat().st_size
            if size > MAX_ENV_BYTES or count > MAX_ENV_FILES:
                most = f"{MAX_ENV_BYTES >> 20} MiB or {MAX_ENV_FILES} files"
                raise InstallFailed(f"the requirements are more than {most}")
            os.chown(path, *ours)
            path.chmod(0o755 if path.is_dir() else 0o644)
    os.chown(target, *ours)
    target.chmod(0o755)
