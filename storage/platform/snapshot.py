"""The versioned copy of tenants, key hashes and topology that a zone works from when cut off."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

import msgspec

from storage.platform.functions.spec import FunctionSpec


class SnapshotUnreadable(Exception):
    """The file exists but holds no snapshot."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no snapshot")
        self.path = path


class ZoneNotInSnapshot(Exception):
    """The zone is not in this snapshot's topology."""

    def __init__(self, zone: str) -> None:
        super().__init__(f"zone {zone} is not in this snapshot")
        self.zone = zone


class Position(NamedTuple):
    """How far a copy of the record has come; positions compare in the order of time.

    `incarnation` is UTC in microseconds when the record began, or was restored, or moved to
    another server: versions count within it.
    """

    incarnation: int
    version: int


class ZoneEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A zone of the topology; `parent` is None at tier 1."""

    name: str
    tier: int
    parent: str | None = None


class TenantEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant and the zones it was assigned to; its workers run as uid 200000 + `number`.

    `leaving` are zones that it was taken off: they take nothing in for it any more, and hand on
    what they have. `calls_per_s` bounds its calls in each zone; None leaves that to the zone's
    gateway. `settings` are the tenant's own, by service and name.
    """

    slug: str
    number: int
    name: str
    zones: list[str]
    calls_per_s: float | None = None
    leaving: list[str] = []
    settings: dict[str, Any] = {}


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A key that is not revoked; `hash` is the SHA-256 of its text, in hex.

    `tenant` is None for keys of the platform and of zones. `zone` names the zone that a zone
    credential stands for. `expires_at` is aware UTC; the reader compares it with its own clock.
    `calls_per_s` as in `TenantEntry`.
    """

    key_id: str
    hash: str
    tenant: str | None
    role: str
    scopes: list[str]
    zone: str | None = None
    expires_at: datetime | None = None
    calls_per_s: float | None = None


class DeploymentEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The version of a tenant's function that is in force; `digest` is its bundle's SHA-256."""

    tenant: str
    name: str
    version: int
    digest: str
    spec: FunctionSpec


class SecretEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that a tenant gave to its functions."""

    tenant: str
    name: str
    value: str

    def __repr__(self) -> str:
        """Name the secret without its value, so that a log line cannot hold it."""
        return f"SecretEntry({self.tenant!r}, {self.name!r})"


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What `zone` may know of the platform, as of `version` of the record at HQ."""

    version: int
    zone: str
    zones: list[ZoneEntry]
    tenants: list[TenantEntry]
    keys: list[KeyEntry]
    incarnation: int = 0
    deployments: list[DeploymentEntry] = []
    secrets: list[SecretEntry] = []

    @property
    def position(self) -> Position:
        """How far this copy has come."""
        return Position(self.incarnation, self.version)

    def subtree(self, zone: str) -> frozenset[str]:
        """Name `zone` and its descendants.

        Raises:
            ZoneNotInSnapshot: the topology has no such zone.
        """
        if all(entry.name != zone for entry in self.zones):
            raise ZoneNotInSnapshot(zone)
        found = {zone}
        grown = True
        while grown:
            below = {entry.name for entry in self.zones if entry.parent in found}
            grown = not below <= found
            found |= below
        return frozenset(found)

    def carries(self, *, zone: str, tenant: str) -> bool:
        """Whether data of `tenant` may come through `zone`: it or a zone below it has some."""
        entry = next((entry for entry in self.tenants if entry.slug == tenant), None)
        if entry is None:
            return False
        return not self._known_subtree(zone).isdisjoint([*entry.zones, *entry.leaving])

    def served(self, zone: str) -> frozenset[str]:
        """The tenants that are served in `zone` or below it, and do not only leave."""
        below = self._known_subtree(zone)
        return frozenset(e.slug for e in self.tenants if not below.isdisjoint(e.zones))

    def staffed(self) -> list[TenantEntry]:
        """The tenants that have a login and workers in the snapshot's zone.

        Those that only leave need them where their data passes on its way from a zone below;
        where it lies, the link hands it on alone.
        """
        if not any(entry.leaving for entry in self.tenants):
            return self.tenants
        passing = self.subtree(self.zone) - {self.zone}
        served = self.served(self.zone)
        return [e for e in self.tenants if e.slug in served or not passing.isdisjoint(e.leaving)]

    def edges_of(self, zone: str) -> tuple[str, ...]:
        """Name the zones whose edges' readings `zone` may bring: itself and every one further out.

        Not only those below it: it may still hold what a zone left before it moved elsewhere.
        """
        tiers = {entry.name: entry.tier for entry in self.zones}
        own = tiers.get(zone)
        further = () if own is None else (name for name, tier in tiers.items() if tier > own)
        return (zone, *further)

    def for_zone(self, zone: str) -> "Snapshot":
        """Narrow to `zone`: the tenants it carries, their keys, zone keys of its subtree.

        Keys of tenants that only leave are left out. Keys of the platform's own people stay in
        (as hashes), so that an operator can work on a zone that is cut off. Zones above stay in the
        topology, to be named in answers.

        Raises:
            ZoneNotInSnapshot: the topology has no such zone.
        """
        below = self.subtree(zone)
        kept = below | set(self._above(zone))
        served = self.served(zone)
        return Snapshot(
            version=self.version,
            incarnation=self.incarnation,
            zone=zone,
            zones=[entry for entry in self.zones if entry.name in kept],
            tenants=[
                entry
                for entry in self.tenants
                if entry.slug in served or not below.isdisjoint(entry.leaving)
            ],
            keys=[
                key
                for key in self.keys
                if (key.tenant is None or key.tenant in served)
                and (key.zone is None or key.zone in below)
            ],
            deployments=[entry for entry in self.deployments if entry.tenant in served],
            secrets=[entry for entry in self.secrets if entry.tenant in served],
        )

    def _known_subtree(self, zone: str) -> frozenset[str]:
        try:
            return self.subtree(zone)
        except ZoneNotInSnapshot:
            return frozenset()

    def _above(self, zone: str) -> Iterator[str]:
        parents = {entry.name: entry.parent for entry in self.zones}
        seen = {zone}
        above = parents.get(zone)
        while above is not None and above not in seen:
            seen.add(above)
            yield above
            above = parents.get(above)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Encode as the JSON that both the file and `GET /v1/platform/snapshot` carry."""
    return msgspec.json.encode(snapshot)


def decode_snapshot(body: bytes) -> Snapshot:
    """Decode what `encode_snapshot` wrote.

    Raises:
        msgspec.DecodeError: it is not JSON, or not a snapshot (`msgspec.ValidationError`).
    """
    return msgspec.json.decode(body, type=Snapshot)


def load_snapshot(path: Path) -> Snapshot | None:
    """Read the saved snapshot; None when none was saved yet.

    Raises:
        SnapshotUnreadable: the file holds something else.
    """
    try:
        return decode_snapshot(path.read_bytes())
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise SnapshotUnreadable(path) from error


def save_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replace the saved snapshot in one step; on disk, mode 0600, when this returns."""
    write_private(path, encode_snapshot(snapshot))


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` in one step by a file of mode 0600 that has reached the disk."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                temporary.unlink()
            raise
    # The rename itself is durable only once the folder is.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
