"""What the OpenAPI document shows is of the form that is sent."""

import msgspec
import pytest

from functions.clock_sync.app import create_app
from functions.clock_sync.examples import ANSWER, MANY, ONE, STATUS
from functions.clock_sync.schema import ExchangeAnswer, ExchangeBody, Status
from functions.clock_sync.settings import SettingsError
from functions.runtime.config import WorkerConfig


def config(**changes: object) -> WorkerConfig:
    fields: dict[str, object] = {
        "function": "clock_sync",
        "tenant": "platform",
        "zone": "zone-1",
        "tier": 1,
        "socket": "",
        "gateway_url": "http://127.0.0.1:8081",
    }
    return msgspec.convert(fields | changes, WorkerConfig)


@pytest.mark.parametrize(
    ("example", "form"),
    [
        (ONE["value"], ExchangeBody),
        (MANY["value"], ExchangeBody),
        (ANSWER, ExchangeAnswer),
        (STATUS, Status),
    ],
    ids=["one", "many", "answer", "status"],
)
def test_an_example_is_of_its_form(example: object, form: type) -> None:
    assert msgspec.to_builtins(msgspec.convert(example, form)) == example


def test_the_document_shows_both_routes_with_examples() -> None:
    paths = create_app(config()).openapi()["paths"]

    exchange = paths["/v1/clock_sync/exchange"]["post"]
    body = exchange["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == {"one", "many"}
    assert set(exchange["responses"]) == {"200", "400", "413"}
    status = paths["/v1/clock_sync/status"]["get"]["responses"]["200"]
    assert set(status["content"]["application/json"]["schema"]["properties"]) == set(STATUS)


def test_a_zone_below_headquarters_needs_a_parent() -> None:
    with pytest.raises(ValueError, match="parent_url"):
        create_app(config(tier=3, zone_credential="gf"))
    with pytest.raises(ValueError, match="zone_credential"):
        create_app(config(tier=3, parent_url="http://127.0.0.1:1"))


@pytest.mark.parametrize(
    "settings",
    [{"poll": 1}, {"poll_s": 0}, {"sntp_port": 70_000}],
    ids=["misspelt", "never", "no_port"],
)
def test_wrong_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        create_app(config(settings=settings))
