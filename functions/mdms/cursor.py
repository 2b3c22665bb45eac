"""Cursors: where a page ended, as text that a client hands back unread."""

import base64
import binascii


class BadCursor(ValueError):
    """The cursor is not one that this query gave."""

    def __init__(self, what: str = "the cursor is not one that this query gave") -> None:
        super().__init__(what)


def write_cursor(*position: int) -> str:
    """Return the text of a position of one or more numbers."""
    text = ".".join(map(str, position))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str, *, parts: int) -> tuple[int, ...]:
    """Return the position of `parts` numbers that `write_cursor` was given.

    Raises:
        BadCursor: the text is something else.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = base64.urlsafe_b64decode(padded.encode()).decode().split(".")
        numbers = tuple(int(part) for part in position)
    except (binascii.Error, ValueError) as error:
        raise BadCursor from error
    if len(numbers) != parts:
        raise BadCursor
    return numbers
