"""A zone's queues on a real server, as the one user that may touch them."""

from collections.abc import AsyncIterator

import pytest

from storage.hot.acl import provision_messaging
from storage.hot.connection import HotConnection, connect
from storage.hot.queues.calls import CallQueue
from storage.hot.queues.letters import DeadLetters
from storage.hot.queues.library import install
from storage.hot.queues.schedules import Schedules
from storage.hot.queues.topics import Retention, Topics

RETENTION = Retention(messages=3, unread_messages=6, topics=2)


@pytest.fixture
async def messaging(redis_url: str) -> AsyncIterator[HotConnection]:
    await install(redis_url)
    connection = connect(await provision_messaging(redis_url, password="m" * 32))
    yield connection
    await connection.aclose()


@pytest.fixture
def calls(messaging: HotConnection) -> CallQueue:
    return CallQueue(messaging)


@pytest.fixture
def letters(messaging: HotConnection) -> DeadLetters:
    return DeadLetters(messaging)


@pytest.fixture
def schedules(messaging: HotConnection) -> Schedules:
    return Schedules(messaging)


@pytest.fixture
def topics(messaging: HotConnection) -> Topics:
    return Topics(messaging, retention=RETENTION)
