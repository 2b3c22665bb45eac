"""A function's folder as a gzipped tar: packed the same way each time, opened without trust."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

MAX_PACKED_BYTES: Final = 8 << 20
MAX_UNPACKED_BYTES: Final = 64 << 20
MAX_FILES: Final = 2_000
MAX_PATH_BYTES: Final = 240

# A tar's header and padding take at most this for each member, and its path again.
_TAR_OVERHEAD: Final = 4_096
_LEFT_OUT: Final = frozenset({"__pycache__", "node_modules"})


class BundleFault(Exception):
    """The folder or the archive is no bundle; says which member and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFile:
    """One file; `path` is relative, with single slashes and no `..`."""

    path: str
    content: bytes


def read_folder(folder: Path) -> list[BundleFile]:
    """Read what a bundle takes of a folder: all but hidden files, caches and compiled Python.

    Raises:
        BundleFault: a link or another file that is none, too many files, or too much in them.
        OSError: something cannot be read.
    """
    found: list[BundleFile] = []
    total = 0
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not path.is_file():
            raise BundleFault(f"{name} is a link or no file: put a copy of the file there")
        total += path.stat().st_size
        _check_bounds(count=len(found) + 1, total=total)
        found.append(BundleFile(path=_checked(name), content=path.read_bytes()))
    return found


def pack_bundle(files: Iterable[BundleFile]) -> bytes:
    """Pack files so that equal ones make equal archives with the same libraries.

    Raises:
        BundleFault: the archive is too large.
    """
    archive = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=archive, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for file in sorted(files, key=lambda one: one.path):
            member = tarfile.TarInfo(file.path)
            member.size = len(file.content)
            tar.addfile(member, io.BytesIO(file.content))
    body = archive.getvalue()
    if len(body) > MAX_PACKED_BYTES:
        raise BundleFault(f"it packs to more than {MAX_PACKED_BYTES >> 20} MiB")
    return body


def open_bundle(body: bytes) -> list[BundleFile]:
    """Read an archive into memory, by path; nothing of it is trusted.

    Raises:
        BundleFault: no gzipped tar, a member that is neither file nor folder or leads out, two of
            one path, too many files, or too much in them.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflate(body)), mode="r:") as tar:
            return _files(tar)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise BundleFault(f"it is no tar: {error}") from error


def digest_of(files: Iterable[BundleFile]) -> str:
    """Return the SHA-256, in hex, of paths and contents, however they were packed."""
    digest = sha256()
    for file in sorted(files, key=lambda one: one.path):
        path = file.path.encode()
        digest.update(b"%d:%s%d:" % (len(path), path, len(file.content)))
        digest.update(file.content)
    return digest.hexdigest()


def write_files(files: Iterable[BundleFile], folder: Path) -> None:
    """Write files below `folder`, which must be new and ours: folders 0755, files 0644.

    Raises:
        OSError: they cannot be written; some may be.
    """
    for file in files:
        path = folder / file.path
        for parent in reversed(path.relative_to(folder).parents[:-1]):
            (folder / parent).mkdir(exist_ok=True)
            (folder / parent).chmod(0o755)
        with path.open("xb") as out:
            out.write(file.content)
        path.chmod(0o644)


def _walk(folder: Path) -> Iterable[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _LEFT_OUT or path.suffix == ".pyc":
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def _inflate(body: bytes) -> bytes:
    most = MAX_UNPACKED_BYTES + MAX_FILES * _TAR_OVERHEAD
    # 16 asks for a gzip header.
    inflating = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        whole = inflating.decompress(body, most + 1)
    except zlib.error as error:
        raise BundleFault(f"it is no gzip: {error}") from error
    if len(whole) > most:
        raise BundleFault(f"it unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB")
    if not inflating.eof:
        raise BundleFault("it ends too early")
    return whole


def _files(tar: tarfile.TarFile) -> list[BundleFile]:
    found: dict[str, BundleFile] = {}
    total = count = 0
    for member in tar:
        count += 1
        total += member.size
        _check_bounds(count=count, total=total)
        if member.isdir():
            continue
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            raise BundleFault(f"{member.name[:100]!r} is a link, device or other special file")
        path = _checked(member.name.removeprefix("./"))
        if path in found:
            raise BundleFault(f"{path!r} is in it twice")
        opened = tar.extractfile(member)
        assert opened is not None
        content = opened.read()
        if len(content) != member.size:
            raise BundleFault("it ends too early")
        found[path] = BundleFile(path=path, content=content)
    _check_no_file_is_a_folder(list(found))
    return [found[path] for path in sorted(found)]


def _checked(path: str) -> str:
    parts = path.split("/")
    if len(path.encode(errors="replace")) > MAX_PATH_BYTES:
        raise BundleFault(f"{path[:60]!r}... is longer than {MAX_PATH_BYTES} bytes")
    if not path.isprintable() or "\\" in path or any(part in ("", ".", "..") for part in parts):
        raise BundleFault(f"{path!r} is no plain path below the folder")
    return path


def _check_no_file_is_a_folder(paths: Sequence[str]) -> None:
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    for path in paths:
        if path in folders:
            raise BundleFault(f"{path!r} is both file and folder")


def _check_bounds(*, count: int, total: int) -> None:
    if count > MAX_FILES:
        raise BundleFault(f"it has more than {MAX_FILES} files")
    if total > MAX_UNPACKED_BYTES:
        raise BundleFault(f"it holds more than {MAX_UNPACKED_BYTES >> 20} MiB")
