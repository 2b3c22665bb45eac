"""Turns the error that ended a call into its answer."""

import logging

from gateway.asgi import Headers, Send, send_whole
from gateway.invocation import Invocation
from gateway.observers import Account
from gateway.problems import (
    UNFORESEEN,
    UNFORESEEN_DETAIL,
    problem_body,
    problem_headers,
    problem_of,
)

logger = logging.getLogger(__name__)


async def answer_error(
    *, call: Invocation, error: Exception, account: Account, send: Send, must_close: bool
) -> None:
    """Send the problem that `error` is and close the call's account before it."""
    headers, body = problem_answer(call, error)
    if must_close:
        # Whether the client sends its body after all is unknown: no next request to find.
        headers.append((b"connection", b"close"))
    account.close(call)
    await send_whole(send, status=call.status, headers=headers, body=body)


def problem_answer(call: Invocation, error: Exception) -> tuple[Headers, bytes]:
    """Return headers, without the length, and body of the problem that `error` is.

    `call` has its status, problem and bytes from here on.
    """
    status, slug = problem_of(error)
    detail = str(error)
    if (status, slug) == UNFORESEEN:
        logger.error(
            "a call failed unforeseen", exc_info=error, extra={"request_id": call.request_id}
        )
        detail = UNFORESEEN_DETAIL
    body = problem_body(
        status=status,
        slug=slug,
        detail=detail,
        request_id=call.request_id,
        members=getattr(error, "members", None),
    )
    headers = problem_headers(
        status=status,
        request_id=call.request_id,
        retry_after_s=getattr(error, "retry_after_s", None),
    )
    call.status, call.problem, call.bytes_out = status, slug, len(body)
    return headers, body
