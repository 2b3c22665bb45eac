"""The last resort of parts that answer for themselves: every error becomes a problem."""

import logging
from secrets import token_hex

from gateway.asgi import Message, Receive, Scope, Send, send_whole
from gateway.problems import UNFORESEEN, UNFORESEEN_DETAIL, problem_body, problem_headers
from gateway.routes import Application

logger = logging.getLogger(__name__)


def guarded(part: Application) -> Application:
    """Return `part`, with a problem for whatever it raises before it began to answer."""

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await part(scope, receive, noted)
        except Exception:
            if started:
                # The server closes the connection: half an answer is not taken for a whole one.
                raise
            request_id = token_hex(16)
            logger.exception("a request failed unforeseen", extra={"request_id": request_id})
            status, slug = UNFORESEEN
            body = problem_body(
                status=status, slug=slug, detail=UNFORESEEN_DETAIL, request_id=request_id
            )
            headers = problem_headers(status=status, request_id=request_id, retry_after_s=None)
            await send_whole(send, status=status, headers=headers, body=body)

    return guard
