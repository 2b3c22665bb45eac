"""Which calls are billed, and for how long: the rules in words are the functions' docstrings."""

from enum import StrEnum
from typing import Final

from storage.platform.keys import Role
from storage.platform.ledger.record import CallRecord

CONTROL_PLANE: Final = "platform"
"""The function that the gateway itself is, where tenants and keys are administered."""

ASKED_BY_US: Final = frozenset({Role.PLATFORM_ADMIN.value, Role.OPERATOR.value})
FAILED_BY_US: Final = frozenset(
    {
        "function-unavailable",
        "internal-error",
        "not-in-this-zone",
        "parent-unavailable",
        "store-full",
        "too-many-requests",
        "upstream-failed",
    }
)
"""Problems of the gateway's that say that the tenant did not get what it called for."""

BAD_REQUEST: Final = 400


class Kind(StrEnum):
    """What a call is to the bill; each is exactly one of these."""

    BILLED = "billed"
    LINK = "link"
    PLATFORM = "platform"
    REFUSED = "refused"


def kind_of(call: CallRecord) -> Kind:
    """Say what a call is to the bill, by the first of these rules that fits.

    1. `platform`: calls by the platform's own people, calls to the control plane, and what a
       zone's key does in its own zone: errands that cross no link.
    2. `link` and `refused`: what a zone's key carries for a tenant was paid for as an invocation
       where it came in. It is no invocation again; if it was taken, its bytes moved over a link,
       if not, it comes again and is nothing to anybody.
    3. `refused`: it failed before a worker ran it, or the platform failed it (`FAILED_BY_US`):
       queue full, no worker started, worker lost, ledger full. A function's own error, and a
       deadline that passed while it ran, are not among these.
    4. `billed`: all others, whatever their status; each try of an asynchronous call is one, and
       so is an answer that the gateway kept and gave again, of no run time.
    """
    if call.role in ASKED_BY_US or call.function == CONTROL_PLANE:
        return Kind.PLATFORM
    if call.role == Role.ZONE.value:
        if call.caller_zone == call.zone:
            return Kind.PLATFORM
        return Kind.LINK if call.status < BAD_REQUEST else Kind.REFUSED
    never_ran = call.run_us == 0 and call.status >= BAD_REQUEST
    if never_ran or call.problem in FAILED_BY_US:
        return Kind.REFUSED
    return Kind.BILLED


def billed_ms(call: CallRecord) -> int:
    """Whole milliseconds that a call is billed for: its run time, a begun one counted as whole.

    Neither the wait for a worker nor its start nor the way of the bodies is billed.
    """
    return -(-call.run_us // 1_000)


def megabyte_ms(call: CallRecord) -> int:
    """MiB-milliseconds of a call: the function's memory limit times `billed_ms`.

    The limit, not the peak: it is what was kept free for the function, it is known before the
    call, and no measurement can be argued about.
    """
    return call.memory_mb * billed_ms(call)
