"""The base of every reason for which the gateway itself turns a call down."""

from collections.abc import Mapping


class Refusal(Exception):
    """A call that goes no further.

    `members` are facts for the caller besides the sentence; `retry_after_s` is set when the same
    call may succeed later. How a refusal looks on the wire is the business of `problems.py`.
    """

    def __init__(
        self,
        detail: str,
        *,
        members: Mapping[str, object] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members: Mapping[str, object] = members or {}
        self.retry_after_s = retry_after_s
