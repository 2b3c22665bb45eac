"""A broker behind TLS: its certificate is checked against the authority of the secrets."""

import json

import pytest

from tests.integration.mqtt.broker import Meters
from tests.integration.mqtt.conftest import METERS, REGISTER, Zone
from tests.integration.zones.agent_process import until

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.parametrize("zone", ["tls"], indirect=True, scope="module"),
]


def body(count: int) -> bytes:
    run = {"meter_id": METERS[0], "register": REGISTER, "interval_s": 900}
    start = "2026-03-01T00:00:00Z"
    return json.dumps({"series": [{**run, "start": start, "values": [1] * count}]}).encode()


def test_readings_come_through_tls(zone: Zone) -> None:
    with Meters(zone.broker, user="acme", client_id="concentrator-1") as meters:
        for number in range(50):
            meters.send(body(96), correlation=f"{number}".encode())
        for number in range(50):
            assert meters.answer(f"{number}".encode()).status == "200"

    assert zone.get("/v1/mqtt_intake/status").json()["tls"] is True


def test_a_broker_of_another_authority_is_not_spoken_to(zone: Zone) -> None:
    (zone.secrets / "mqtt_intake" / "acme" / "ca").unlink()

    def refused() -> bool:
        answer = zone.get("/v1/mqtt_intake/status")
        return answer.status_code == 200 and "certificate" in (answer.json()["last_error"] or "")

    until(refused, "the intake refuses the broker")
    assert zone.get("/v1/mqtt_intake/status").json()["connected"] is False
