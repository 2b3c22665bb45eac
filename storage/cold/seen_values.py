"""What counts now where an edit would write, to compare with what its editor saw."""

from storage.cold import reading
from storage.cold.edits import NewEdit
from storage.cold.pool import Connection
from storage.model.block import PRESENT, BlockKey
from storage.model.event_block import EventKey
from storage.model.quality import CLASS_OF_QUALITY, QualityClass
from storage.model.runs import DAY_S

_Held = tuple[int, int] | None
"""A value and its quality."""


async def values_now(connection: Connection, edit: NewEdit) -> tuple[int | None, ...]:
    """One value a reading of `edit`, None where there is none.

    Raises:
        BlockDamaged: a stored block is unreadable.
    """
    held = await _held(connection, edit)
    return tuple(None if one is None else one[0] for one in held)


async def is_edited_so(connection: Connection, edit: NewEdit) -> bool:
    """Whether each reading of `edit` holds its value already, as an edited one.

    Raises:
        BlockDamaged: a stored block is unreadable.
    """
    held = await _held(connection, edit)
    return all(
        one is not None and one[0] == value and CLASS_OF_QUALITY[one[1]] == QualityClass.EDITED
        for one, value in zip(held, edit.values, strict=True)
    )


async def _held(connection: Connection, edit: NewEdit) -> list[_Held]:
    if edit.interval_s == 0:
        return [await _read(connection, edit)]
    first_day, last_day = edit.start_s // DAY_S, (edit.end_s - 1) // DAY_S
    keys = [
        BlockKey(edit.meter_id, edit.register, day, edit.interval_s)
        for day in range(first_day, last_day + 1)
    ]
    blocks = await reading.read_blocks(connection, keys)
    found: list[_Held] = []
    for at in range(edit.start_s, edit.end_s, edit.interval_s):
        block = blocks.get(keys[at // DAY_S - first_day])
        if block is None:
            found.append(None)
            continue
        cell = block[at % DAY_S // edit.interval_s]
        present = cell["flags"] & PRESENT
        found.append((int(cell["final"]), int(cell["quality"])) if present else None)
    return found


async def _read(connection: Connection, edit: NewEdit) -> _Held:
    key = EventKey(edit.meter_id, edit.register, edit.start_s // DAY_S, 0)
    events = (await reading.read_events(connection, [key])).get(key)
    if events is None:
        return None
    own = events[events["at"] == edit.start_s % DAY_S]
    return (int(own["final"][0]), int(own["quality"][0])) if len(own) else None
