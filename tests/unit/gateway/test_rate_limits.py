import pytest

from gateway.keyring import Caller, KeyRing
from gateway.rate_limits import RateExceeded, RateLimits
from storage.platform.snapshot import Snapshot, TenantEntry


def ring(*, calls_per_s: float | None = None) -> KeyRing:
    acme = TenantEntry(slug="acme", number=1, name="Acme", zones=[], calls_per_s=calls_per_s)
    return KeyRing(Snapshot(version=1, zone="z", zones=[], tenants=[acme], keys=[]))


def caller(
    key_id: str = "k", *, calls_per_s: float | None = None, zone: str | None = None
) -> Caller:
    return Caller(
        key_id=key_id,
        role="tenant-service" if zone is None else "zone",
        tenant="acme" if zone is None else None,
        scopes=frozenset(),
        zone=zone,
        expires_at=None,
        calls_per_s=calls_per_s,
    )


def limits(*, tenant_per_s: float = 100, key_per_s: float = 2) -> RateLimits:
    return RateLimits(tenant_per_s=tenant_per_s, key_per_s=key_per_s, burst_s=2)


def passed(
    made: RateLimits,
    *,
    calls: int,
    key_id: str = "k",
    now: float = 0.0,
    by: Caller | None = None,
    known: KeyRing | None = None,
) -> int:
    count = 0
    for _ in range(calls):
        try:
            made.take(caller=by or caller(key_id), tenant="acme", ring=known or ring(), now=now)
        except RateExceeded:
            continue
        count += 1
    return count


def test_a_burst_passes_and_no_more() -> None:
    assert passed(limits(), calls=10) == 4


def test_what_was_used_comes_back_with_time() -> None:
    made = limits()
    passed(made, calls=10)

    assert passed(made, calls=10, now=1.0) == 2
    assert passed(made, calls=10, now=100.0) == 4


def test_one_key_does_not_use_up_anothers() -> None:
    made = limits()
    passed(made, calls=10, key_id="greedy")

    assert passed(made, calls=3, key_id="modest") == 3


def test_all_keys_of_a_tenant_share_its_limit() -> None:
    made = limits(tenant_per_s=3, key_per_s=100)

    assert passed(made, calls=4, key_id="a") + passed(made, calls=4, key_id="b") == 6


def test_a_refused_call_costs_the_tenant_nothing() -> None:
    made = limits(tenant_per_s=3, key_per_s=1)
    passed(made, calls=50, key_id="greedy")

    assert passed(made, calls=2, key_id="modest") == 2


@pytest.mark.parametrize(("per_s", "seconds"), [(0.1, 10), (0.5, 2), (50.0, 1)])
def test_a_refusal_says_when_to_come_back(per_s: float, seconds: int) -> None:
    made = RateLimits(tenant_per_s=1000, key_per_s=per_s, burst_s=1 / per_s)
    made.take(caller=caller(), tenant="acme", ring=ring(), now=0.0)
    with pytest.raises(RateExceeded) as refused:
        made.take(caller=caller(), tenant="acme", ring=ring(), now=0.0)

    assert refused.value.retry_after_s == seconds
    assert refused.value.members["limit"] == "key"


def test_the_records_limits_win_over_the_zones() -> None:
    made = limits(tenant_per_s=100, key_per_s=100)

    assert passed(made, calls=50, known=ring(calls_per_s=3)) == 6
    assert passed(made, calls=50, by=caller("slow", calls_per_s=2), known=ring()) == 4


def test_a_changed_limit_holds_at_once() -> None:
    made = limits(tenant_per_s=1, key_per_s=100)
    passed(made, calls=10)

    assert passed(made, calls=50, known=ring(calls_per_s=10)) == 20
    assert passed(made, calls=50, known=ring(calls_per_s=2)) == 4


def test_what_a_zone_brings_does_not_use_up_its_tenants_calls() -> None:
    made = limits(tenant_per_s=1, key_per_s=5)

    assert passed(made, calls=50, by=caller("z", zone="zone-3a")) == 10
    assert passed(made, calls=50) == 2
