from gateway.invocation import Invocation
from gateway.keyring import Caller
from gateway.ledger.record import fields_of
from storage.platform.ledger.record import CallRecord
from storage.platform.ledger.segment import frame, read_frames


def ended_call(**facts: object) -> Invocation:
    caller = Caller(
        key_id="key-1",
        role="zone",
        tenant=None,
        scopes=frozenset(),
        zone="zone-3a",
        expires_at=None,
    )
    call = Invocation(
        request_id="r",
        method="POST",
        path="/function/f",
        zone="zone-2",
        call_id="call-1",
        started_at=1_700_000_000.5,
        caller=caller,
        tenant="acme",
        admitted=True,
        function="f",
        memory_mb=256,
        cold=True,
        instance_wait_s=0.5,
        start_s=0.25,
        run_s=2.0,
        worker_run_s=1.0,
        total_s=4.0,
        cpu_us=11,
        peak_memory_kb=12,
        version=13,
        attempt=14,
        status=201,
        problem="a-problem",
        bytes_in=15,
        bytes_out=16,
    )
    for name, value in facts.items():
        setattr(call, name, value)
    return call


def test_each_field_stands_where_the_record_has_it() -> None:
    fields = fields_of(ended_call())
    assert fields is not None
    assert len(fields) == len(CallRecord.__struct_fields__)

    assert list(read_frames(frame(fields))) == [
        CallRecord(
            call_id="call-1",
            at_us=1_700_000_000_500_000,
            tenant="acme",
            function="f",
            zone="zone-2",
            key_id="key-1",
            status=201,
            problem="a-problem",
            cold=True,
            wait_us=500_000,
            run_us=1_000_000,
            total_us=4_000_000,
            bytes_in=15,
            bytes_out=16,
            memory_mb=256,
            role="zone",
            start_us=250_000,
            network_us=2_500_000,
            cpu_us=11,
            peak_memory_kb=12,
            version=13,
            attempt=14,
            origin="",
            caller_zone="zone-3a",
        )
    ]


def test_a_call_for_somebody_has_the_role_of_its_origin() -> None:
    fields = fields_of(ended_call(origin="topic", run_s=9.0, worker_run_s=None))
    assert fields is not None
    (record,) = read_frames(frame(fields))

    assert (record.role, record.origin) == ("topic", "topic")
    assert (record.run_us, record.network_us) == (9_000_000, 0)


def test_what_was_turned_down_before_is_no_record() -> None:
    assert fields_of(ended_call(admitted=False)) is None
    assert fields_of(ended_call(tenant=None)) is None
