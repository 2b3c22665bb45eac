"""Edits as the zones below get them: by their stamps, as entries of the desk's edge."""

from typing import Final

from storage.cold.desk_entries import batch_of, edge_of_desk
from storage.cold.pool import Pool, transaction
from storage.model.uplink import UplinkEntry

TIMEOUT_S: Final = 20.0
# Stamps are drawn under a lock that is held until the commit: none comes in below a visible one.
_AFTER: Final = """
    SELECT sequence, meter_id, register, interval_s, start_s, new_values, quality FROM edits
    WHERE sequence > $1 ORDER BY sequence LIMIT $2
"""


class PostgresEditsDown:
    """The applied edits and estimates of the schema that the pool's login finds first."""

    def __init__(self, pool: Pool, *, zone: str) -> None:
        self._pool = pool
        self._zone = zone

    async def after(self, edge: str, sequence: int, *, limit: int) -> list[UplinkEntry]:
        """Up to `limit` edits after `sequence`, from the first on if the desk's edge is another.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        async with transaction(self._pool, within_s=TIMEOUT_S, snapshot=True) as connection:
            own = await edge_of_desk(connection, zone=self._zone)
            rows = await connection.fetch(_AFTER, sequence if edge == own else 0, limit)
        return [
            UplinkEntry(
                own,
                row["sequence"],
                b"",
                batch_of(
                    meter_id=row["meter_id"],
                    register=row["register"],
                    interval_s=row["interval_s"],
                    start_s=row["start_s"],
                    values=row["new_values"],
                    quality=row["quality"],
                ).encode(),
            )
            for row in rows
        ]
