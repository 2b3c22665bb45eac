"""Whether a call may be made: whose it is, where it goes, with which scope, within which limits."""

from gateway.authorization import check_scope, tenant_named, tenant_of
from gateway.catalogue import Catalogue, Route
from gateway.function_limits import Allowance, FunctionLimits
from gateway.invocation import Invocation
from gateway.keyring import Caller, KeyRing, presented_key
from gateway.ledger.room import LedgerRoom
from gateway.origin import origin_of
from gateway.rate_limits import RateLimits
from gateway.request_head import RequestHead
from gateway.snapshot_watch import SnapshotWatch


class Admission:
    """The rules in their order, over the zone's snapshot and catalogue of this moment."""

    def __init__(
        self,
        *,
        zone: str,
        snapshots: SnapshotWatch,
        catalogue: Catalogue,
        limits: RateLimits,
        function_limits: FunctionLimits,
        room: LedgerRoom,
    ) -> None:
        self._zone = zone
        self._snapshots = snapshots
        self._catalogue = catalogue
        self._limits = limits
        self._function_limits = function_limits
        self._room = room

    @property
    def edition(self) -> tuple[object, object]:
        """What `judge` goes by; a judgement holds as long as this is the same."""
        return self._snapshots.ring, self._catalogue.edition

    def judge(self, call: Invocation, head: RequestHead, raw_path: bytes) -> tuple[Route, Caller]:
        """Return where the call goes, and who is counted for it; `call` learns what is known.

        Raises:
            Refusal: it goes nowhere.
        """
        ring = self._snapshots.ring
        caller = call.caller = ring.caller(presented_key(head.read))
        envelope = head.read.get(b"gridfaas-tenant")
        named = tenant_named(
            caller=caller,
            envelope=None if envelope is None else envelope.decode("latin-1"),
            ring=ring,
        )
        route = self._catalogue.route(raw_path, tenant=named, snapshot=ring.snapshot)
        call.function = route.spec.name
        call.memory_mb = route.spec.memory_mb
        call.tenant = tenant_of(caller=caller, named=named, function=route.scoped or route.spec)
        origin = origin_of(head.read, caller=caller, zone=self._zone)
        if origin is not None:
            call.caller = origin.caller(caller, tenant=call.tenant, function=route.spec)
            call.call_id = f"{origin.call_id}.{origin.attempt}"
            call.origin, call.attempt = origin.kind, origin.attempt
        elif route.scoped is not None:
            check_scope(caller=caller, function=route.scoped, method=call.method)
        return route, caller

    def count(self, call: Invocation, route: Route, caller: Caller) -> Allowance | None:
        """Count the call, which is admitted from here on; `leave` what is returned at its end.

        Raises:
            RateExceeded, TooManyAtOnce, LedgerFull: it may not begin.
        """
        assert call.tenant is not None
        ring: KeyRing = self._snapshots.ring
        self._limits.take(caller=caller, tenant=call.tenant, ring=ring)
        self._room.check()
        allowance = self._function_limits.enter(tenant=call.tenant, spec=route.spec)
        call.admitted = True
        return allowance
