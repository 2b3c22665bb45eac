"""The signature of a callback, checked as a receiver does."""

import hashlib
import hmac

from functions.messaging.signature import sign


def test_a_receiver_can_check_it() -> None:
    said = sign(key="whsec_x", at_s=1_795_254_000, call_id="c1", status=200, body=b'{"a":1}')

    moment, _, digest = said.removeprefix("t=").partition(",v1=")
    signed = f"{moment}.c1.200.".encode() + b'{"a":1}'
    assert digest == hmac.new(b"whsec_x", signed, hashlib.sha256).hexdigest()


def test_another_body_status_or_moment_has_another_signature() -> None:
    usual = {"key": "k", "at_s": 1, "call_id": "c", "status": 200, "body": b"x"}
    changes = [{"body": b"y"}, {"status": 500}, {"at_s": 2}, {"call_id": "d"}, {"key": "l"}]

    said = {sign(**(usual | change)).partition(",")[2] for change in [{}, *changes]}  # type: ignore[arg-type]  # of mixed types

    assert len(said) == 6
