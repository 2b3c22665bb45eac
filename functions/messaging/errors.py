"""Why messaging turns a request down, and the problem that each reason becomes."""

from typing import Final

from functions.messaging.callback_target import CallbackRefused
from functions.messaging.signing_keys import KeyMissing
from functions.runtime.problem import ProblemTable
from functions.runtime.uplink_body import UnpackedTooLarge
from storage.hot.queues.record import QueueFull
from storage.model.uplink import UplinkUnreadable
from storage.ports import StoreFull, StoreUnavailable


class NotFound(Exception):
    """There is no such call, topic or letter of this tenant."""


class NotAllowed(Exception):
    """The key's role may not do this."""


class TenantMissing(Exception):
    """The key belongs to no tenant."""


class CallEnded(Exception):
    """A call that has ended cannot be cancelled."""


class BodyTooLarge(Exception):
    """The body is longer than a message may be."""


class CursorRefused(ValueError):
    """The cursor is none that was given out."""


class NotFromGateway(Exception):
    """The route is for the gateway alone, which says what is to be called."""


PROBLEMS: Final[ProblemTable] = {
    NotFound: (404, "not-found"),
    NotAllowed: (403, "forbidden"),
    TenantMissing: (403, "forbidden"),
    CallEnded: (409, "call-ended"),
    BodyTooLarge: (413, "body-too-large"),
    CursorRefused: (400, "malformed-request"),
    NotFromGateway: (404, "not-found"),
    CallbackRefused: (400, "callback-refused"),
    QueueFull: (429, "too-many-requests"),
    KeyMissing: (503, "signing-key-missing"),
    UplinkUnreadable: (400, "malformed-body"),
    UnpackedTooLarge: (413, "body-too-large"),
    StoreFull: (503, "store-full"),
    StoreUnavailable: (503, "store-unavailable"),
}
