import asyncio
from typing import Any

import pytest

from functions.runtime.counted import CountedApp


async def _nothing(*_: Any) -> Any:
    return {}


@pytest.mark.parametrize(
    ("scope", "calls"),
    [
        pytest.param({"type": "http", "path": "/v1/mdms/readings"}, 1, id="a_call"),
        pytest.param({"type": "http", "path": "/metrics"}, 0, id="its_agent_asks_for_metrics"),
        pytest.param({"type": "http", "path": "/healthz"}, 0, id="its_agent_asks_for_health"),
        pytest.param({"type": "lifespan"}, 0, id="lifespan"),
    ],
)
async def test_what_is_a_call(scope: dict[str, Any], calls: int) -> None:
    counted = CountedApp(_nothing, limit_met=lambda _: None)

    await counted(scope, _nothing, _nothing)

    assert (counted.active, counted.calls) == (0, calls)


async def test_a_call_is_active_until_it_ends_even_by_an_error() -> None:
    go_on = asyncio.Event()

    async def app(*_: Any) -> None:
        await go_on.wait()
        raise OSError("out of order")

    counted = CountedApp(app, limit_met=lambda _: None)
    call = asyncio.create_task(counted({"type": "http", "path": "/"}, _nothing, _nothing))
    await asyncio.sleep(0)
    assert (counted.active, counted.calls) == (1, 0)

    go_on.set()
    with pytest.raises(OSError, match="out of order"):
        await call

    assert (counted.active, counted.calls) == (0, 1)
