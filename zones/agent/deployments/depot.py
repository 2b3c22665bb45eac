"""Bundles on the zone's disk, by the digest of their contents, unpacked or on their way down."""

import asyncio
import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from storage.platform.functions.bundle import BundleFault, BundleFile, digest_of, open_bundle
from storage.platform.snapshot import write_private
from zones.agent.deployments.bundle_source import BundleSource, BundleUnavailable
from zones.agent.deployments.passage import closed_folder

PACKED = "bundle.tar.gz"
CODE = "code"
ENV = "env"
MARK = "prepared"
UNFINISHED = "install-"
UNUSED_BYTES = 4 << 30
"""What bundles that nobody uses any more may take of the zone's disk, all together."""

_DIGEST = re.compile(r"[0-9a-f]{64}")

logger = logging.getLogger(__name__)


class NoDigest(ValueError):
    """The text is not the digest of a bundle."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one bundle; `code` and `env` are readable by every account that knows it."""

    folder: Path

    @property
    def packed(self) -> Path:
        """The archive as it came."""
        return self.folder / PACKED

    @property
    def code(self) -> Path:
        """The unpacked files."""
        return self.folder / CODE

    @property
    def env(self) -> Path:
        """The installed requirements; absent if there are none."""
        return self.folder / ENV

    @property
    def prepared(self) -> bool:
        """Whether all of it is there, and stays as it is."""
        return (self.folder / MARK).exists()

    @property
    def size(self) -> int:
        """How many bytes it takes when it is prepared, 0 when it is not."""
        try:
            return int((self.folder / MARK).read_text() or 0)
        except FileNotFoundError:
            return 0

    def mark_prepared(self) -> None:
        """Say so, and how much it is, on disk before this returns."""
        size = sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
        write_private(self.folder / MARK, str(size).encode())

    def clear(self) -> None:
        """Remove what an unfinished preparation left, and keep the archive."""
        for folder in (self.code, self.env, *self.folder.glob(f"{UNFINISHED}*")):
            shutil.rmtree(folder, ignore_errors=True)


class BundleDepot:
    """Bundles below one folder. A digest names its contents, so tenants may share a place.

    Folders can be passed but not listed by other accounts: who knows the digest has the code.
    """

    def __init__(
        self, folder: Path, source: BundleSource, *, to_other_accounts: bool = False
    ) -> None:
        """With `to_other_accounts` others may pass the folders also when we are not root."""
        self._folder = folder
        self._passable = 0o711 if to_other_accounts or os.geteuid() == 0 else 0o700
        self._source = source
        self._fetching: dict[str, asyncio.Task[bytes]] = {}
        self._unused_since: dict[str, float] = {}

    def place(self, digest: str) -> Place:
        """Name the folder of a bundle.

        Raises:
            NoDigest: the text is none.
        """
        if _DIGEST.fullmatch(digest) is None:
            raise NoDigest(f"{digest[:80]!r} is no digest")
        return Place(self._folder / digest)

    async def packed(self, digest: str) -> bytes:
        """Return a bundle as it is packed, fetched once if it is not here; its digest is right.

        Raises:
            NoDigest: `digest` is none.
            BundleUnavailable: it cannot be had now, or what came is something else.
            OSError: the disk is at fault.
        """
        try:
            return await asyncio.to_thread(self.place(digest).packed.read_bytes)
        except FileNotFoundError:
            pass
        task = self._fetching.get(digest)
        if task is None:
            task = self._fetching[digest] = asyncio.create_task(self._fetch(digest))
            task.add_done_callback(lambda done: self._fetched(digest, done))
        # One caller that goes away does not take the bundle from the others.
        return await asyncio.shield(task)

    async def files(self, digest: str) -> list[BundleFile]:
        """Return what is in a bundle.

        Raises: as `packed`.
        """
        body = await self.packed(digest)
        try:
            return await asyncio.to_thread(open_bundle, body)
        except BundleFault as error:
            raise BundleUnavailable(f"the bundle cannot be opened: {error}") from error

    def make(self, digest: str) -> Place:
        """Make the folder of a bundle, for other accounts to pass if workers have some.

        Raises:
            OSError: it cannot be made.
        """
        place = self.place(digest)
        for folder in (self._folder, place.folder):
            folder.mkdir(exist_ok=True)
            folder.chmod(self._passable)
        if os.geteuid() == 0 and (closed := closed_folder(place.folder)) is not None:
            reason = f"workers have accounts of their own, and cannot pass {closed}"
            raise PermissionError(errno.EACCES, reason)
        return place

    def collect(
        self, *, used: Collection[str], grace_s: float, most_bytes: int = UNUSED_BYTES
    ) -> list[str]:
        """Remove bundles that were in nobody's use for `grace_s`; return their digests.

        Use is counted from the first call: after a start everything has its grace again. Unused
        ones that take more than `most_bytes` have none: those unused for longest go first.
        """
        now = time.monotonic()
        there = {path.name for path in self._folder.glob("*") if _DIGEST.fullmatch(path.name)}
        unused = there - set(used) - self._fetching.keys()
        self._unused_since = {name: self._unused_since.get(name, now) for name in unused}
        gone = [name for name, since in self._unused_since.items() if now - since >= grace_s]
        taken = 0
        for name in sorted(unused - set(gone), key=self._unused_since.__getitem__, reverse=True):
            taken += self.place(name).size
            if taken > most_bytes:
                gone.append(name)
        for name in gone:
            # The mark goes first: half a bundle must never look whole.
            (self._folder / name / MARK).unlink(missing_ok=True)
            shutil.rmtree(self._folder / name, ignore_errors=True)
            logger.info("bundle %s is not used any more and removed", name[:12])
        return gone

    async def close(self) -> None:
        """End what is being fetched."""
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)

    async def _fetch(self, digest: str) -> bytes:
        body = await self._source.fetch(digest)
        await asyncio.to_thread(self._keep, digest, body)
        return body

    def _keep(self, digest: str, body: bytes) -> None:
        try:
            found = digest_of(open_bundle(body))
        except BundleFault as error:
            raise BundleUnavailable(f"what came is no bundle: {error}") from error
        if found != digest:
            raise BundleUnavailable(f"what came has digest {found[:12]}, not {digest[:12]}")
        write_private(self.make(digest).packed, body)

    def _fetched(self, digest: str, task: asyncio.Task[bytes]) -> None:
        self._fetching.pop(digest, None)
        # Nobody may be waiting any more.
        if not task.cancelled():
            task.exception()
