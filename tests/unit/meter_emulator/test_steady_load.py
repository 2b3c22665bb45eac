"""A load of any length is encoded piece by piece, and holds the same readings as in one go."""

import json

from meter_emulator.measured_bodies import Measured
from meter_emulator.steady_load import BODIES_MADE_TOGETHER, endless_bodies

DAY_S = 86_400


def test_every_meter_has_each_instant_once_across_the_pieces() -> None:
    meters, per_body = 3_000, 7
    readings = 2 * meters + 500
    assert readings > 2 * per_body * BODIES_MADE_TOGETHER
    load = Measured(
        form="series",
        shape="live",
        meters=meters,
        first_s=20_000 * DAY_S,
        skip=meters,
        readings=readings,
        per_body=per_body,
    )
    seen: list[tuple[str, str]] = []
    for body, count in endless_bodies(load):
        read = [
            (meter, one["at"])
            for one in json.loads(body)["series"]
            for meter, _ in zip(one["meter_ids"], one["values"], strict=True)
        ]
        assert len(read) == count <= per_body
        seen += read

    assert len(seen) == len(set(seen)) == readings
    instants = [f"2024-10-04T00:{minute}:00Z" for minute in (15, 30, 45)]
    assert [at for _, at in seen] == sorted(at for _, at in seen)
    assert [sum(at == one for _, at in seen) for one in instants] == [meters, meters, 500]
