"""What a handler returns, as an answer."""

import dataclasses
from typing import Any

import msgspec
import numpy as np

from functions.runtime.event import Response

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"


class AnswerUnusable(TypeError):
    """The handler returned what is no answer; names its type."""


def answer_of(returned: Any) -> Response:
    """Turn None, text, bytes, JSON values, dataclasses and Structs into a response.

    None is 204; numpy's numbers and arrays become JSON numbers and lists.

    Raises:
        AnswerUnusable: it is none of these.
    """
    if isinstance(returned, Response):
        return returned
    if returned is None:
        return Response(status=204)
    if isinstance(returned, str):
        return Response(headers={"content-type": TEXT}, body=returned)
    if isinstance(returned, (bytes, bytearray, memoryview)):
        return Response(headers={"content-type": BYTES}, body=bytes(returned))
    try:
        body = msgspec.json.encode(returned, enc_hook=_encode)
    except (TypeError, ValueError) as error:
        raise AnswerUnusable(f"the handler returned {type(returned).__name__}: {error}") from error
    return Response(headers={"content-type": JSON}, body=body)


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "M":
            return [f"{text}Z" for text in np.datetime_as_string(value, unit="s")]
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise NotImplementedError(f"{type(value).__name__} is no JSON")
