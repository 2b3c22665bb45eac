"""Readings that come by MQTT: the same bodies, answered once they are durable."""

import csv
import gzip
import io
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.mqtt.broker import Meters
from tests.integration.mqtt.conftest import ACME, BASRA, METERS, REGISTER, Zone
from tests.integration.zones.agent_process import call, until

pytestmark = pytest.mark.timeout(180)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
_slots = itertools.count()


def slot() -> str:
    """The start of an interval that no test used before."""
    return (FIRST + timedelta(seconds=900 * next(_slots))).strftime("%Y-%m-%dT%H:%M:%SZ")


def body(value: object, *, at: str, meter_id: str = METERS[0]) -> bytes:
    run = {"meter_id": meter_id, "register": REGISTER, "interval_s": 900}
    return json.dumps({"series": [{**run, "start": at, "values": [value]}]}).encode()


def stored(zone: Zone, at: str, *, key: str = ACME) -> int | None:
    end = (datetime.fromisoformat(at) + timedelta(seconds=900)).isoformat()
    answer = zone.get(
        "/v1/mdms/readings", key=key, **{"meter_id": METERS[0], "from": at, "to": end}
    )
    assert answer.status_code == 200, answer.text
    found: int | None = answer.json()["series"][0]["final"][0]
    return found


@pytest.fixture(scope="module")
def meters(zone: Zone) -> Iterator[Meters]:
    with Meters(zone.broker, user="acme", client_id="concentrator-1") as meters:
        yield meters


def figure(zone: Zone, name: str, **labels: str) -> float:
    """A figure of acme's intake, as its worker shows it."""
    found = zone.agent.ensure(tenant="acme", function="mqtt_intake").json()
    socket = found["instances"][0]["socket"]
    for line in call(socket, "/metrics").text.splitlines():
        said = all(f'{key}="{value}"' in line for key, value in labels.items())
        if line.startswith(f"gridfaas_mqtt_intake_{name}{{") and said:
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no figure {name} {labels}")


def test_an_answer_means_durable(zone: Zone, meters: Meters) -> None:
    at = slot()
    meters.send(body(110, at=at), correlation=b"c-1")

    answer = meters.answer(b"c-1")

    assert (answer.status, answer.content_type) == ("200", "application/json")
    assert json.loads(answer.body)["accepted"] == 1
    assert stored(zone, at) == 110


def test_the_content_type_says_the_form(zone: Zone, meters: Meters) -> None:
    first, second = slot(), slot()
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["meter_id", "register", "at", "value", "interval_s"])
    rows.writerow([METERS[0], REGISTER, first, 7, 900])
    rows.writerow([METERS[0], REGISTER, second, "seven", 900])
    meters.send(
        gzip.compress(text.getvalue().encode()),
        correlation=b"csv",
        coding="gzip",
        ContentType="text/csv",
    )

    answer = json.loads(meters.answer(b"csv").body)

    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    assert [stored(zone, first), stored(zone, second)] == [7, None]


@pytest.mark.parametrize(
    ("sent", "said", "status", "problem"),
    [
        (b"{", {}, "400", "malformed-body"),
        (b"", {}, "400", "malformed-body"),
        (b"<a/>", {"ContentType": "text/xml"}, "415", "unsupported-media-type"),
        (b"{}", {"coding": "br"}, "415", "unsupported-media-type"),
        (b"no gzip", {"coding": "gzip"}, "400", "malformed-body"),
    ],
    ids=["no_json", "nothing", "unknown_form", "unknown_coding", "no_gzip"],
)
def test_what_is_no_readings_body_is_answered_with_a_problem(
    zone: Zone, meters: Meters, sent: bytes, said: dict[str, str], status: str, problem: str
) -> None:
    correlation = f"bad {sent!r} {said!r}".encode()
    meters.send(sent, correlation=correlation, **said)  # type: ignore[arg-type]

    answer = meters.answer(correlation)

    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert json.loads(answer.body)["type"] == f"urn:gridfaas:problem:{problem}"


def test_a_correction_that_follows_at_once_counts(zone: Zone, meters: Meters) -> None:
    starts = [slot() for _ in range(20)]
    for number, at in enumerate(starts):
        for value in (1, 2, 3):
            meters.send(body(value, at=at), correlation=f"order-{number}-{value}".encode())

    for number in range(len(starts)):
        meters.answer(f"order-{number}-3".encode())

    assert [stored(zone, at) for at in starts] == [3] * len(starts)


def test_an_answer_goes_to_no_topic_that_is_not_the_tenants_answers(
    zone: Zone, meters: Meters
) -> None:
    tried = [
        "gridfaas/basra/answers/concentrator-1/now",
        "gridfaas/basra/readings",
        "gridfaas/acme/readings",
        "gridfaas/acme/answers/",
    ]
    at = slot()
    before = figure(zone, "messages_total", outcome="misdirected")
    for topic in tried:
        meters.send(body(1, at=at), correlation=topic.encode(), answer_to=topic)
    # In the order of their coming: when this is answered, those before it were looked at.
    meters.send(body(2, at=slot()), correlation=b"after-misdirected")
    meters.answer(b"after-misdirected")

    def counted() -> bool:
        now = figure(zone, "messages_total", outcome="misdirected")
        return now == before + len(tried)

    until(counted, "misdirected messages are counted")
    assert stored(zone, at) is None


def test_a_tenants_meters_cannot_send_for_another_or_hear_another(
    zone: Zone, meters: Meters
) -> None:
    zone.set_up("basra")
    zone.until_connected(key=BASRA)
    at, theirs = slot(), slot()
    refused = meters.send(body(1, at=at), correlation=b"foreign", topic="gridfaas/basra/readings")
    refused.wait_for_publish(20)
    with Meters(zone.broker, user="basra", client_id="concentrator-1") as others:
        others.send(body(5, at=theirs), correlation=b"own", topic="gridfaas/basra/readings")
        assert others.answer(b"own").status == "200"

    # The last message went the same way as the refused one, and after it.
    assert stored(zone, at, key=BASRA) is None
    assert stored(zone, theirs, key=BASRA) == 5
    assert stored(zone, theirs, key=ACME) is None
    assert meters.answers(b"own") == meters.answers(b"foreign") == []


def test_a_tenant_whose_secrets_go_has_no_intake_any_more(zone: Zone) -> None:
    folder = zone.secrets / "mqtt_intake" / "basra"
    if not folder.exists():
        zone.set_up("basra")
        zone.until_connected(key=BASRA)
    folder.rename(folder.with_name("taken-away"))

    def refused() -> bool:
        answer = zone.get("/v1/mqtt_intake/status", key=BASRA)
        return answer.status_code == 503 and "not set up" in answer.json()["detail"]

    until(refused, "basra's intake ends")
    until(lambda: not zone.pids("mqtt_intake", tenant="basra"), "basra's worker ends")
    assert len(zone.pids("mqtt_intake")) == 1


def test_the_status_tells_no_password(zone: Zone) -> None:
    status = zone.get("/v1/mqtt_intake/status").json()

    assert status["topic"] == "gridfaas/acme/readings"
    assert (status["connected"], status["last_error"], status["tls"]) == (True, None, False)
    assert not [name for name in status if "password" in name]
