import pytest

from functions.runtime.request import Caller, NoCaller, caller_of


def test_a_zone_that_calls_for_a_tenant() -> None:
    headers = [
        (b"host", b"worker"),
        (b"x-gridfaas-tenant", b"acme"),
        (b"x-gridfaas-role", b"zone"),
        (b"x-gridfaas-scopes", b"mdms:read mdms:write"),
        (b"x-gridfaas-subject", b"key-9"),
        (b"x-gridfaas-zone-credential", b"zone-3a"),
        (b"x-gridfaas-incarnation", b"1792000000000000"),
        (b"x-gridfaas-zone-edges", b"zone-3a zone-4"),
        (b"x-request-id", b"r-1"),
        (b"x-call-id", b"c-1"),
        (b"x-gridfaas-deadline-ms", b"2500"),
    ]

    assert caller_of(headers) == Caller(
        tenant="acme",
        role="zone",
        scopes=frozenset({"mdms:read", "mdms:write"}),
        subject="key-9",
        zone="zone-3a",
        zone_edges=frozenset({"zone-3a", "zone-4"}),
        incarnation=1_792_000_000_000_000,
        request_id="r-1",
        call_id="c-1",
        deadline_ms=2500,
    )


def test_a_tenants_own_key_has_no_zone() -> None:
    caller = caller_of([(b"x-gridfaas-tenant", b"acme"), (b"x-gridfaas-role", b"meter")])

    assert caller.zone is None
    assert caller.zone_edges == frozenset()
    assert caller.scopes == frozenset()
    assert caller.deadline_ms is None


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="nothing"),
        pytest.param([(b"x-gridfaas-role", b"meter")], id="no_tenant"),
        pytest.param([(b"x-gridfaas-tenant", b"acme")], id="no_role"),
        pytest.param(
            [
                (b"x-gridfaas-tenant", b"acme"),
                (b"x-gridfaas-role", b"meter"),
                (b"x-gridfaas-deadline-ms", b"-5"),
            ],
            id="deadline_is_no_number",
        ),
    ],
)
def test_what_did_not_come_through_the_gateway(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(NoCaller):
        caller_of(headers)
