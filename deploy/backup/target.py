"""Which backup and which WAL lead to the moment that is asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.backup.failure import BackupFailure
from deploy.backup.manifest import WAL, Manifest, backups_at, covered_at
from deploy.backup.vault import Vault
from deploy.backup.wal_names import PARTIAL, Segment, first_gap, place_of, read_segment


class NotRestorable(BackupFailure):
    """The address does not lead to the moment that was asked for; the message says to which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A base backup, and the objects of WAL that lead on from it, by the file's name.

    `moment` is UTC in microseconds: what was committed by then is there, nothing later. None: all
    that there is.
    """

    base: Manifest
    wal: dict[str, str]
    moment: int | None


def find_way(vault: Vault, *, moment: int | None, backup: str | None = None) -> Way:
    """Choose the newest backup before `moment`, or the one named, and the WAL after it.

    Raises:
        NotRestorable: no backup is old enough, or WAL up to `moment` is missing.
    """
    known = backups_at(vault)
    if backup is not None:
        known = [manifest for manifest in known if manifest.id == backup]
    if not known:
        raise NotRestorable(f"{vault.address} holds no {'such ' if backup else ''}backup")
    usable = [one for one in known if moment is None or one.finished_at <= moment]
    if not usable:
        raise NotRestorable(
            f"the oldest backup was complete at {instant(known[0].finished_at)}; "
            "a moment before that cannot be restored"
        )
    base = usable[-1]
    covered = covered_at(vault)
    segments = _segments(vault, base)
    first = place_of(base.end_lsn, segment_bytes=base.segment_bytes)
    last = max((segment.place for segment in segments), default=first - 1)
    gap = first_gap({segment.place for segment in segments}, first=first, last=last)
    if gap is not None:
        if moment is not None:
            raise NotRestorable(
                f"the WAL after backup {base.id} has a gap; it can be restored as it was at "
                f"{instant(base.finished_at)} (--backup {base.id} without a time)"
            )
        segments = {one: name for one, name in segments.items() if one.place < gap}
    if moment is not None and (covered is None or covered.until < moment):
        until = base.finished_at if covered is None else covered.until
        raise NotRestorable(f"the archive goes to {instant(until)}, not to {instant(moment)}")
    histories = {
        name.removeprefix(WAL): name for name in vault.names(WAL) if name.endswith(".history")
    }
    wal = {name.removeprefix(WAL).removesuffix(PARTIAL): name for name in segments.values()}
    return Way(base=base, wal=wal | histories, moment=moment)


def instant(at: int) -> str:
    """RFC 3339 text of UTC in microseconds."""
    return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _segments(vault: Vault, base: Manifest) -> dict[Segment, str]:
    """Objects of the segments that the base does not replace, complete ones before partial."""
    first = place_of(base.start_lsn, segment_bytes=base.segment_bytes)
    found: dict[Segment, str] = {}
    for name in sorted(vault.names(WAL), key=lambda name: not name.endswith(PARTIAL)):
        segment = read_segment(name.removeprefix(WAL), segment_bytes=base.segment_bytes)
        if segment is not None and segment.place >= first and segment.timeline >= base.timeline:
            found[segment] = name
    return found
