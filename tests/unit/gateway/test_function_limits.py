import pytest

from gateway.function_limits import Allowance, FunctionLimits, TooManyAtOnce
from gateway.rate_limits import RateExceeded
from storage.platform.functions.spec import FunctionSpec


def test_a_function_without_limits_is_not_counted() -> None:
    limits = FunctionLimits(burst_s=1)

    assert limits.enter(tenant="acme", spec=FunctionSpec(name="free")) is None


def test_tenants_do_not_share_an_allowance() -> None:
    limits = FunctionLimits(burst_s=1)
    spec = FunctionSpec(name="one", max_concurrency=1)

    mine = limits.enter(tenant="acme", spec=spec)
    assert mine is not None
    with pytest.raises(TooManyAtOnce) as refused:
        limits.enter(tenant="acme", spec=spec)
    assert refused.value.members == {"limit": "max_concurrency", "max_concurrency": 1}
    assert limits.enter(tenant="beta", spec=spec) is not None
    mine.leave()
    assert limits.enter(tenant="acme", spec=spec) is mine


def test_a_rate_refills_and_says_when() -> None:
    allowance = Allowance()
    spec = FunctionSpec(name="slow", rate_per_s=0.5)

    allowance.enter(spec, now=0.0, burst_s=2.0)
    with pytest.raises(RateExceeded) as refused:
        allowance.enter(spec, now=0.5, burst_s=2.0)
    assert refused.value.retry_after_s == 2
    assert refused.value.members["limit"] == "rate_per_s"
    allowance.enter(spec, now=2.0, burst_s=2.0)


def test_a_refused_call_is_not_under_way() -> None:
    allowance = Allowance()
    spec = FunctionSpec(name="slow", rate_per_s=1.0, max_concurrency=2)

    allowance.enter(spec, now=0.0, burst_s=1.0)
    with pytest.raises(RateExceeded):
        allowance.enter(spec, now=0.0, burst_s=1.0)

    assert allowance.under_way == 1


def test_another_versions_rate_holds_from_its_first_call() -> None:
    allowance = Allowance()

    allowance.enter(FunctionSpec(name="f", rate_per_s=1.0), now=0.0, burst_s=1.0)
    for _ in range(5):
        allowance.enter(FunctionSpec(name="f", rate_per_s=5.0), now=0.0, burst_s=1.0)
    with pytest.raises(RateExceeded):
        allowance.enter(FunctionSpec(name="f", rate_per_s=5.0), now=0.0, burst_s=1.0)
