"""The values that count now where an edit would write, to compare with what its editor saw."""

from storage.cold import reading
from storage.cold.edits import NewEdit
from storage.cold.pool import Connection
from storage.model.block import PRESENT, BlockKey
from storage.model.event_block import EventKey
from storage.model.runs import DAY_S


async def values_now(connection: Connection, edit: NewEdit) -> tuple[int | None, ...]:
    """One value a reading of `edit`, None where there is none.

    Raises:
        BlockDamaged: a stored block is unreadable.
    """
    if edit.interval_s == 0:
        return (await _read_now(connection, edit),)
    first_day, last_day = edit.start_s // DAY_S, (edit.end_s - 1) // DAY_S
    keys = [
        BlockKey(edit.meter_id, edit.register, day, edit.interval_s)
        for day in range(first_day, last_day + 1)
    ]
    blocks = await reading.read_blocks(connection, keys)
    found: list[int | None] = []
    for at in range(edit.start_s, edit.end_s, edit.interval_s):
        block = blocks.get(keys[at // DAY_S - first_day])
        cell = None if block is None else block[at % DAY_S // edit.interval_s]
        found.append(int(cell["final"]) if cell is not None and cell["flags"] & PRESENT else None)
    return tuple(found)


async def _read_now(connection: Connection, edit: NewEdit) -> int | None:
    key = EventKey(edit.meter_id, edit.register, edit.start_s // DAY_S, 0)
    events = (await reading.read_events(connection, [key])).get(key)
    if events is None:
        return None
    own = events[events["at"] == edit.start_s % DAY_S]
    return int(own["final"][0]) if len(own) else None
