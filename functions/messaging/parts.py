"""The parts of one worker, put together, as its routes use them."""

from dataclasses import dataclass

from functions.messaging.deployments import Deployments
from functions.messaging.listeners import Listeners
from functions.messaging.metrics import MessagingMetrics
from functions.messaging.runner import Runner
from functions.messaging.settings import MessagingSettings
from functions.messaging.signing_keys import SigningKeys
from functions.messaging.topic_feed import TopicFeed
from storage.hot.queues.bridges import Bridges
from storage.hot.queues.calls import CallQueue
from storage.hot.queues.letters import DeadLetters
from storage.hot.queues.topics import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the routes ask."""

    tier: int
    settings: MessagingSettings
    max_body_bytes: int
    queue: CallQueue
    letters: DeadLetters
    topics: Topics
    bridges: Bridges
    deployments: Deployments
    runner: Runner
    feed: TopicFeed
    listeners: Listeners
    keys: SigningKeys
    metrics: MessagingMetrics
