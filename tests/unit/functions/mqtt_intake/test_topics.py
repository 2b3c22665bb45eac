"""Which topics an answer may go to."""

import pytest

from functions.mqtt_intake.topics import Misdirected, check_answer_topic, readings_topic

PREFIX, TENANT = "gridfaas", "acme"


@pytest.mark.parametrize(
    "topic",
    ["gridfaas/acme/answers/m-1", "gridfaas/acme/answers/m-1/now", "gridfaas/acme/answers/ä"],
)
def test_below_the_tenants_answers(topic: str) -> None:
    assert check_answer_topic(topic, prefix=PREFIX, tenant=TENANT) == topic


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "gridfaas/acme/answers",
        "gridfaas/acme/answers/",
        "gridfaas/acme/answers/+",
        "gridfaas/acme/answers/m/#",
        "gridfaas/acme/answers/m\n",
        "gridfaas/acme/answers/\ud800",
        "gridfaas/acme/answers/" + "m/" * 20,
        "gridfaas/acme/answers/" + "m" * 600,
        "gridfaas/acme/readings",
        "gridfaas/acme2/answers/m-1",
        "gridfaas/basra/answers/m-1",
        "Gridfaas/acme/answers/m-1",
        "$SYS/acme/answers/m-1",
        "/gridfaas/acme/answers/m-1",
    ],
)
def test_nowhere_else(topic: str) -> None:
    with pytest.raises(Misdirected):
        check_answer_topic(topic, prefix=PREFIX, tenant=TENANT)


def test_readings_come_by_a_topic_of_the_tenants_own() -> None:
    assert readings_topic(PREFIX, TENANT) == "gridfaas/acme/readings"
