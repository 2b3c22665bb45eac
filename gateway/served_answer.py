"""A worker's answer as the caller gets it."""

from gateway.asgi import Headers
from gateway.async_calls import call_id_said
from gateway.catalogue import Route
from gateway.forwarding.connection import UpstreamConnection
from gateway.forwarding.errors import FunctionFailed
from gateway.invocation import Invocation
from gateway.problems import CONTENT_TYPE
from gateway.request_head import response_headers
from gateway.worker_account import read_account

INTERNAL_SERVER_ERROR = 500


def check_answer(call: Invocation, route: Route, response: UpstreamConnection) -> None:
    """Look at the head of an answer; `call` learns what the worker says of itself.

    Raises:
        FunctionFailed: a failure that was not meant for the caller; the worker's log has it. A
            tenant's own function may tell the tenant's callers, in a problem.
    """
    read_account(response.headers, call)
    if response.status == INTERNAL_SERVER_ERROR and (
        route.spec.app is not None or CONTENT_TYPE not in response.headers
    ):
        raise FunctionFailed(f"{call.function} failed unforeseen")


def answer_headers(call: Invocation, route: Route, response: UpstreamConnection) -> Headers:
    """Return the headers that the caller gets; `call` has the answer's status from here on."""
    call.status = response.status
    headers = response_headers(response.headers, status=response.status)
    call_id = call.call_id.encode()
    if route.later is not None:
        call_id = call_id_said(call, response.headers)
    headers += ((b"x-request-id", call.request_id.encode()), (b"x-call-id", call_id))
    return headers
