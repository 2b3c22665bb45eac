"""How long backups are kept: a number of them, and the WAL that leads on from the oldest."""

from deploy.backup.manifest import BACKUPS, WAL, backups_at
from deploy.backup.vault import Vault
from deploy.backup.wal_names import place_of, read_segment


def drop_old(vault: Vault, *, keep: int) -> list[str]:
    """Keep the newest `keep` (>= 1) backups; return the ids of those that went.

    A backup's manifest goes first, so that one that is half gone is none. Copies that were never
    completed go once a newer backup is complete.
    """
    complete = backups_at(vault)
    kept = complete[-keep:]
    if not kept:
        return []
    gone = complete[: len(complete) - len(kept)]
    for manifest in gone:
        vault.delete(f"{BACKUPS}{manifest.id}/manifest.json")
    ids = {manifest.id for manifest in kept}
    for name in vault.names(BACKUPS):
        owner = name.removeprefix(BACKUPS).partition("/")[0]
        if owner not in ids and owner < kept[-1].id:
            vault.delete(name)
    oldest = kept[0]
    first = place_of(oldest.start_lsn, segment_bytes=oldest.segment_bytes)
    for name in vault.names(WAL):
        segment = read_segment(name.removeprefix(WAL), segment_bytes=oldest.segment_bytes)
        if segment is not None and segment.place < first:
            vault.delete(name)
    return [manifest.id for manifest in gone]
