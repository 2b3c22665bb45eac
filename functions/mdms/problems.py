"""From errors of mdms to status and problem type: one table for every route."""

from typing import Final

from functions.mdms.aggregate_routes import GroupTooLarge
from functions.mdms.content_coding import BadCoding
from functions.mdms.cursor import BadCursor
from functions.mdms.estimation.method_list import BadMethod
from functions.mdms.exception_decisions import WrongValues
from functions.mdms.exception_form import UnknownException
from functions.mdms.lookup import NoMetersAsked, TooManyMeters, UnknownMeter, UnknownRegister
from functions.mdms.parquet_form import FormNotInstalled
from functions.mdms.period_answers import AnswerTooLarge
from functions.mdms.period_query import BadPeriod
from functions.mdms.readings_body import MalformedBody
from functions.mdms.request_body import BodyTooLarge, ClientGone, UnsupportedMediaType
from functions.mdms.rule_group_form import BadRuleGroup
from functions.mdms.series_columns import TooManyReadings, TooManyRegisters
from functions.mdms.tiered_reading import RecallTooLarge, TierUnreachable
from functions.mdms.uplink import EdgeForbidden
from functions.mdms.vee.rule_group import BadRule
from functions.mdms.virtual_meters import TooManyParts
from functions.mdms.zone_routes import LinkRoutesOnly
from functions.runtime.problem import Problem, ProblemTable
from functions.runtime.request import NoCaller
from functions.runtime.uplink_body import UnpackedTooLarge
from storage.cold.record import EdgeRefused
from storage.cold.rule_groups import RuleGroupConflict, TooManyRuleGroups, UnknownRuleGroup
from storage.hot.keys import RegisterRefused
from storage.hot.packing import SlotNamedTwice
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


class VersionGap(ValueError):
    """Changes of the registry that begin after the version held here would leave a hole."""

    def __init__(self, *, after: int, held: int) -> None:
        super().__init__(f"changes after version {after}; this zone holds version {held}")
        self.members = {"version": held}


class DeadlineExceeded(TimeoutError):
    """The caller's deadline passed before the answer was durable."""

    def __init__(self, seconds: float, waited_for: str) -> None:
        super().__init__(f"no answer within {seconds:.1f} s: waited for {waited_for}")


UNFORESEEN: Final = Problem(
    status=500, slug="internal-error", detail="the worker failed; see its log"
)

PROBLEMS: ProblemTable = {
    NoCaller: (401, "unauthenticated"),
    ZonesOnly: (403, "forbidden"),
    EdgeForbidden: (403, "forbidden"),
    LinkRoutesOnly: (403, "forbidden"),
    NotInThisZone: (404, "not-in-this-zone"),
    UnknownMeter: (404, "unknown-meter"),
    UnknownRegister: (404, "unknown-register"),
    UnknownRuleGroup: (404, "unknown-rule-group"),
    UnknownException: (404, "unknown-exception"),
    MethodNotAllowed: (405, "method-not-allowed"),
    BadMethod: (400, "malformed-body"),
    WrongValues: (400, "malformed-body"),
    BadRule: (400, "malformed-body"),
    BadRuleGroup: (400, "malformed-body"),
    NoMetersAsked: (400, "malformed-request"),
    FormNotInstalled: (406, "not-acceptable"),
    BadPeriod: (400, "malformed-request"),
    ClientGone: (400, "malformed-request"),
    BadCursor: (400, "malformed-request"),
    BadCoding: (400, "malformed-body"),
    MalformedBody: (400, "malformed-body"),
    UplinkUnreadable: (400, "malformed-body"),
    PayloadUnreadable: (400, "malformed-body"),
    BodyTooLarge: (413, "body-too-large"),
    UnpackedTooLarge: (413, "body-too-large"),
    AnswerTooLarge: (413, "answer-too-large"),
    GroupTooLarge: (413, "answer-too-large"),
    TooManyMeters: (413, "answer-too-large"),
    TooManyParts: (413, "answer-too-large"),
    TooManyReadings: (413, "body-too-large"),
    TooManyRegisters: (413, "body-too-large"),
    UnsupportedMediaType: (415, "unsupported-media-type"),
    EdgeRefused: (400, "malformed-body"),
    RegisterRefused: (400, "malformed-body"),
    SlotNamedTwice: (400, "malformed-body"),
    VersionGap: (409, "registry-version-gap"),
    RuleGroupConflict: (409, "rule-group-conflict"),
    TooManyRuleGroups: (409, "too-many-rule-groups"),
    RecallTooLarge: (413, "answer-too-large"),
    TierUnreachable: (503, "parent-unreachable"),
    StoreFull: (503, "store-full"),
    StoreUnavailable: (503, "store-unavailable"),
    DeadlineExceeded: (504, "deadline-exceeded"),
}
