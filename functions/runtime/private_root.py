"""A worker's own view of the disk: everything read-only but one folder of a bounded size."""

import ctypes
import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote

_CLONE_NEWNS: Final = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_REC, _MS_PRIVATE = 2, 4, 16_384, 1 << 18
_MOUNT_SETATTR: Final = 442
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_READ_ONLY: Final = 1

PLACES: Final = ("/var/tmp", "/mnt", "/media", "/srv")
"""Where the folder may be: the first that exists and hides nothing that the worker uses."""


class PrivateRootUnavailable(Exception):
    """The kernel or the privileges of this process do not allow it; nothing was changed."""


class _Attributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns", ctypes.c_uint64),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def enter_private_root(*, disk_mb: int, uid: int, gid: int, used: list[str]) -> Path:
    """Leave the machine's mounts for copies that are read-only; return the one writable folder.

    It holds `disk_mb` MiB in memory, belongs to `uid` and goes with the worker's last process.
    `used` are paths, and URLs with paths in them, that must stay visible. Unix sockets can still
    be connected to.

    Raises:
        PrivateRootUnavailable: see there; the caller has to do with less.
    """
    place = _place(used)
    if _libc.unshare(ctypes.c_int(_CLONE_NEWNS)) != 0:
        raise PrivateRootUnavailable(f"unshare: {_error()}")
    # From here on what is mounted is this worker's alone.
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE, None)
    _make_read_only()
    size = f"size={disk_mb}m,nr_inodes={max(1024, disk_mb * 64)},mode=0700,uid={uid},gid={gid}"
    _mount("tmpfs", str(place), "tmpfs", _MS_NOSUID | _MS_NODEV, size)
    return place


def _place(used: list[str]) -> Path:
    for name in PLACES:
        place = Path(name)
        hidden = any(name in unquote(text) for text in used)
        if not hidden and place.is_dir() and not place.is_symlink():
            return place
    raise PrivateRootUnavailable(f"none of {', '.join(PLACES)} can be taken")


def _make_read_only() -> None:
    attributes = _Attributes(set=_READ_ONLY)
    done = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_char_p(b"/"),
        ctypes.c_uint(_AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    if done != 0:
        raise PrivateRootUnavailable(f"mount_setattr (Linux 5.12): {_error()}")


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None) -> None:
    done = _libc.mount(
        source.encode(),
        target.encode(),
        None if kind is None else kind.encode(),
        ctypes.c_ulong(flags),
        None if data is None else data.encode(),
    )
    if done != 0:
        raise PrivateRootUnavailable(f"mount {target}: {_error()}")


def _error() -> str:
    return os.strerror(ctypes.get_errno())
