"""What a function imports: `from functions.runtime.api import Context, Event, Response`.

README.md in this folder says how to write a function; what is not named here may change.
"""

from functions.runtime.asgi_function import context_of
from functions.runtime.call_log import CallLog
from functions.runtime.cold import Cold
from functions.runtime.context import Context
from functions.runtime.event import BodyUnreadable, Event, Refused, Response, Trigger
from functions.runtime.hot import Hot
from functions.runtime.readings import BadPeriod, Reading, Readings, UnknownMeter
from functions.runtime.zone_calls import Answer, CallFailed, ZoneUnreachable
from storage.model.meter import Meter
from storage.ports import StoreUnavailable

__all__ = [
    "Answer",
    "BadPeriod",
    "BodyUnreadable",
    "CallFailed",
    "CallLog",
    "Cold",
    "Context",
    "Event",
    "Hot",
    "Meter",
    "Reading",
    "Readings",
    "Refused",
    "Response",
    "StoreUnavailable",
    "Trigger",
    "UnknownMeter",
    "ZoneUnreachable",
    "context_of",
]
