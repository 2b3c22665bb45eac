import msgspec
import pytest

from functions.runtime.config import ConfigError, WorkerConfig, decode_config
from zones.agent import worker_config

SECRET = "p4ssw0rd"
CONFIG = {
    "function": "mdms",
    "app": "functions.mdms.app:create_app",
    "tenant": "acme",
    "zone": "zone-3a",
    "tier": 3,
    "socket": "/run/w/1",
    "gateway_url": "http://127.0.0.1:8083",
    "redis_url": f"unix:///r.sock?password={SECRET}",
    "zone_credential": SECRET,
}


def test_a_configuration_does_not_show_its_secrets() -> None:
    config = decode_config(msgspec.json.encode(CONFIG))

    assert config.redis_url == CONFIG["redis_url"]
    assert SECRET not in repr(config)
    assert SECRET not in f"{config}"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"tier": "three"}, "$.tier", id="wrong_type"),
        pytest.param({"colour": "red"}, "colour", id="unknown_field"),
    ],
)
def test_a_faulty_configuration_names_its_field(change: dict[str, str], fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        decode_config(msgspec.json.encode(CONFIG | change))

    assert fault in str(refused.value)
    assert SECRET not in str(refused.value)


def test_the_agent_writes_what_a_worker_reads() -> None:
    written = set(worker_config.WorkerConfig.__struct_fields__)
    read = {field.name: field for field in msgspec.structs.fields(WorkerConfig)}

    assert written <= read.keys()
    assert {name for name, field in read.items() if field.required} <= written
