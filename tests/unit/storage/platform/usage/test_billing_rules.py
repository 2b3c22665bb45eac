"""What a call is to the bill, and for how long it is billed."""

import pytest

from storage.platform.usage.billing_rules import Kind, billed_ms, kind_of, megabyte_ms
from tests.unit.storage.platform.ledger.records import record


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        pytest.param({"role": "tenant-service"}, Kind.BILLED, id="a_tenants_own_call"),
        pytest.param({"role": ""}, Kind.BILLED, id="of_before_roles_were_written"),
        pytest.param({"role": "meter", "status": 500}, Kind.BILLED, id="the_functions_own_error"),
        pytest.param({"status": 404}, Kind.BILLED, id="the_functions_own_not_found"),
        pytest.param({"role": "async", "attempt": 3}, Kind.BILLED, id="a_third_try"),
        pytest.param(
            {"status": 504, "problem": "deadline-exceeded"}, Kind.BILLED, id="ran_out_of_its_time"
        ),
        pytest.param(
            {"status": 504, "problem": "deadline-exceeded", "run_us": 0},
            Kind.REFUSED,
            id="ran_out_of_time_before_a_worker_took_it",
        ),
        pytest.param(
            {"status": 502, "problem": "function-failed"}, Kind.BILLED, id="failed_by_itself"
        ),
        pytest.param(
            {"status": 502, "problem": "upstream-failed"}, Kind.REFUSED, id="its_worker_was_lost"
        ),
        pytest.param(
            {"status": 429, "problem": "too-many-requests", "run_us": 0},
            Kind.REFUSED,
            id="the_queue_was_full",
        ),
        pytest.param({"run_us": 0}, Kind.BILLED, id="given_a_kept_answer"),
        pytest.param({"status": 499, "run_us": 0}, Kind.REFUSED, id="gone_while_it_waited"),
        pytest.param({"status": 499}, Kind.BILLED, id="gone_while_it_ran"),
        pytest.param(
            {"role": "zone", "caller_zone": "zone-3b"}, Kind.LINK, id="carried_up_by_a_zone"
        ),
        pytest.param({"role": "zone"}, Kind.LINK, id="of_before_the_callers_zone_was_written"),
        pytest.param(
            {"role": "zone", "caller_zone": "zone-3a"}, Kind.PLATFORM, id="a_zones_own_errand"
        ),
        pytest.param({"role": "zone", "status": 503}, Kind.REFUSED, id="not_taken_from_a_zone"),
        pytest.param({"role": "platform-admin"}, Kind.PLATFORM, id="an_administrators_look"),
        pytest.param({"role": "operator"}, Kind.PLATFORM, id="an_operators_look"),
        pytest.param(
            {"role": "tenant-admin", "function": "platform"}, Kind.PLATFORM, id="makes_a_key"
        ),
    ],
)
def test_kinds(change: dict[str, object], kind: Kind) -> None:
    assert kind_of(record(1, **change)) is kind


@pytest.mark.parametrize(
    ("run_us", "ms"), [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (30_000_000, 30_000)]
)
def test_a_begun_millisecond_is_a_whole_one(run_us: int, ms: int) -> None:
    call = record(1, run_us=run_us, memory_mb=512)

    assert billed_ms(call) == ms
    assert megabyte_ms(call) == 512 * ms
