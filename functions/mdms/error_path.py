"""Where in a body an error of a part of it is."""

import msgspec


def error_at(error: msgspec.ValidationError, path: str) -> str:
    """Text of `error`, which a part decoded by itself raised, with `path` as that part's place."""
    text = str(error)
    return text.replace("`$", f"`{path}") if "`$" in text else f"{text} - at `{path}`"
