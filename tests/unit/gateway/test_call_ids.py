import re

from gateway.call_ids import new_call_id


def test_no_id_is_given_twice_and_each_is_32_digits() -> None:
    ids = [new_call_id() for _ in range(1_000)]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
