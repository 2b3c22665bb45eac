"""The name of what went wrong, from an answer that is no success."""

import msgspec


class _Problem(msgspec.Struct, frozen=True):
    type: str = "about:blank"


_decode = msgspec.json.Decoder(_Problem).decode


def problem_name(status: int, payload: bytes) -> str:
    """Return the end of the problem document's type, or "http-STATUS" without a document."""
    try:
        slug = _decode(payload).type.rpartition(":")[2]
    except msgspec.DecodeError:
        slug = ""
    return slug if slug and slug != "blank" else f"http-{status}"
