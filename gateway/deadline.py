"""The end of a call's time."""

from gateway.invocation import Invocation
from gateway.refusal import Refusal


class DeadlineExceeded(Refusal):
    """The function, its worker or the queue took too long; the text says which."""


class RequestTimeout(Refusal):
    """The client took too long to send its body."""


def out_of_time(call: Invocation, *, on_client: bool) -> Refusal:
    """Return the refusal for a call whose time ended while waiting for `call.waiting_for`."""
    waited_for = "the request's body" if on_client else call.waiting_for
    kind = RequestTimeout if on_client else DeadlineExceeded
    return kind(
        f"after {call.deadline_s:g} s still waiting for {waited_for}",
        members={
            "limit": "timeout_s",
            "waited_for": waited_for,
            "deadline_ms": int(call.deadline_s * 1000),
        },
    )
