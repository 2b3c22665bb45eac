"""Whether a text is a cron expression of five fields, as schedules of functions have it."""

import re

_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
)
_PART = re.compile(r"^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$")


class CronFault(Exception):
    """Not a cron expression; names the field."""


def check_cron(expression: str) -> None:
    """Accept numbers, `*`, ranges, steps and lists of them; 0 and 7 are Sunday.

    Raises:
        CronFault: another number of fields, or one that names no moment.
    """
    fields = expression.split()
    if len(fields) != len(_FIELDS):
        raise CronFault(f"{expression!r} has {len(fields)} fields")
    for field, (name, lowest, highest) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            matched = _PART.match(part)
            if matched is None:
                raise CronFault(f"{part!r} is no {name}")
            first, last, step = (None if text is None else int(text) for text in matched.groups())
            ends = [number for number in (first, last) if number is not None]
            outside = any(not lowest <= number <= highest for number in ends)
            if outside or ends != sorted(ends) or step == 0:
                raise CronFault(f"{part!r} is no {name} ({lowest} to {highest})")
