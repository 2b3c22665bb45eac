"""From errors of mdms to status and problem type: one table for every route."""

from functions.mdms.period_query import BadCursor, BadPeriod, UnknownMeter, UnknownRegister
from functions.mdms.readings_body import MalformedBody
from functions.mdms.request_body import BodyTooLarge, UnsupportedMediaType
from functions.mdms.series_columns import TooManyReadings, TooManyRegisters
from functions.mdms.uplink import UnpackedTooLarge
from functions.runtime.problem import ProblemTable
from functions.runtime.request import NoCaller
from storage.model.runs import PayloadUnreadable
from storage.model.uplink import UplinkUnreadable
from storage.ports import StoreFull, StoreUnavailable


class NotInThisZone(LookupError):
    """The route is served in zones of another tier."""

    def __init__(self, *, what: str, tiers: list[int], tier: int) -> None:
        where = " and ".join(str(one) for one in tiers)
        super().__init__(f"{what} is served in tier {where}; this zone is of tier {tier}")
        self.members = {"function": "mdms", "tiers": tiers}


class ZonesOnly(PermissionError):
    """The route is for the credential of a zone."""

    def __init__(self) -> None:
        super().__init__("only a zone's credential may call this")


class MethodNotAllowed(ValueError):
    """The route does not know the method."""

    def __init__(self, method: str) -> None:
        super().__init__(f"{method} is not served here")


class DeadlineExceeded(TimeoutError):
    """The caller's deadline passed before the answer was durable."""

    def __init__(self, seconds: float, waited_for: str) -> None:
        super().__init__(f"no answer within {seconds:.1f} s: waited for {waited_for}")


PROBLEMS: ProblemTable = {
    NoCaller: (401, "unauthenticated"),
    ZonesOnly: (403, "forbidden"),
    NotInThisZone: (404, "not-in-this-zone"),
    UnknownMeter: (404, "unknown-meter"),
    UnknownRegister: (404, "unknown-register"),
    MethodNotAllowed: (405, "method-not-allowed"),
    BadPeriod: (400, "malformed-request"),
    BadCursor: (400, "malformed-request"),
    MalformedBody: (400, "malformed-body"),
    UplinkUnreadable: (400, "malformed-body"),
    PayloadUnreadable: (400, "malformed-body"),
    BodyTooLarge: (413, "body-too-large"),
    UnpackedTooLarge: (413, "body-too-large"),
    TooManyReadings: (413, "body-too-large"),
    TooManyRegisters: (413, "body-too-large"),
    UnsupportedMediaType: (415, "unsupported-media-type"),
    StoreFull: (503, "store-full"),
    StoreUnavailable: (503, "store-unavailable"),
    DeadlineExceeded: (504, "deadline-exceeded"),
}
