"""What is the same for all calls with one head: judged once, for as long as nothing changed."""

from dataclasses import dataclass

from gateway.admission import Admission
from gateway.async_calls import asked_of
from gateway.authorization import READING
from gateway.catalogue import Route
from gateway.direct.kept_answer import KeptAnswer
from gateway.direct.plain_head import PlainHead
from gateway.fleet import Fleet
from gateway.forwarding.exchange import IDEMPOTENT
from gateway.instances import Instances
from gateway.invocation import Invocation
from gateway.keyring import Caller
from gateway.refusal import Refusal
from gateway.upstream_head import upstream_head


@dataclass(slots=True, kw_only=True)
class Plan:
    """A judged call, whoever's key it came with forgotten.

    `template` is what the accounts of its calls have in common, `counted` the caller that limits
    are counted for.
    `asked` is the worker's head up to the two ids that differ from call to call. `body_bytes`
    follow the client's head. `kept` is an answer to give without a worker, while it holds.
    """

    template: Invocation
    body_bytes: int
    repeatable: bool
    route: Route
    counted: Caller
    fleet: Fleet
    asked: bytes
    deadline_s: float
    writes: bool
    kept: KeptAnswer | None = None


class Planner:
    """Makes plans; `zone` is the gateway's."""

    def __init__(self, *, zone: str, admission: Admission, instances: Instances) -> None:
        self._zone = zone
        self._admission = admission
        self._instances = instances

    def plan(self, head: PlainHead) -> Plan | None:
        """Judge a call; None if it is refused, or is not one to be carried directly."""
        call = Invocation(
            request_id=head.request_id or "",
            call_id="",
            method=head.method,
            path=head.path,
            zone=self._zone,
        )
        try:
            route, caller = self._admission.judge(call, head.head, head.raw_path)
        except Refusal:
            # Whoever carries calls in general says why, and counts it.
            return None
        if route.later is not None or head.body_bytes > route.spec.max_body_bytes:
            return None
        assert call.caller is not None
        assert call.tenant is not None
        method, target, forwarded = asked_of(route, head.method, head.query, head.head.forwarded)
        call.answer_waits = True
        call.bytes_in = head.body_bytes
        call.waiting_for = f"the answer of {call.function}"
        call.deadline_s = head.head.timeout_s(allowed_s=route.spec.timeout_s)
        return Plan(
            template=call,
            body_bytes=head.body_bytes,
            repeatable=head.head.idempotency_key or head.method in IDEMPOTENT,
            route=route,
            counted=caller,
            fleet=self._instances.fleet(tenant=call.tenant, spec=route.spec),
            asked=upstream_head(
                call=call,
                method=method,
                forwarded=forwarded,
                length=head.head.content_length,
                chunked=False,
                target=target,
                remaining_s=call.deadline_s,
                with_ids=False,
            ),
            deadline_s=call.deadline_s,
            writes=method not in READING,
        )
