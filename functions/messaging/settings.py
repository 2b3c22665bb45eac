"""Limits of the queues: how much waits, how much runs at once, how long things are tried."""

from typing import Annotated, Any

import msgspec

from storage.hot.queues.record import Bounds
from storage.hot.queues.topics import Retention

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class SettingsError(ValueError):
    """A setting has an unknown name or a wrong type; names it."""


class MessagingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`at_once` calls are carried out in a zone, at most `at_once_tenant` of them a tenant's.

    For `unready_s` after a call was made, its tries do not count that a zone not ready turned down.
    A call is held under a lease of `lease_s`, renewed while it runs: that long after a worker was
    killed another takes its calls up. `private_callbacks` lets callbacks go to addresses that are
    not public, which in a lab are all there is; anywhere else tenants could reach the platform's
    own network by them.
    """

    at_once: Positive = 128
    at_once_tenant: Positive = 32
    lease_s: Seconds = 15.0
    look_every_s: Seconds = 1.0
    longest_wait_s: Seconds = 24 * 3600.0
    unready_s: Seconds = 300.0
    answer_margin_s: Seconds = 10.0
    result_bytes: Positive = 256 * 1024
    tenant_bytes: Positive = 32 * 1024 * 1024
    dead_letters: Positive = 1_000
    dead_letter_bytes: Positive = 8 * 1024 * 1024
    callback_tries: Positive = 6
    callback_first_s: Seconds = 1.0
    callback_longest_s: Seconds = 300.0
    callback_answer_s: Seconds = 10.0
    private_callbacks: bool = False
    message_bytes: Positive = 256 * 1024
    topic_messages: Positive = 10_000
    topic_bytes: Positive = 8 * 1024 * 1024
    topic_age_s: Positive = 24 * 3600
    unread_messages: Positive = 50_000
    unread_bytes: Positive = 16 * 1024 * 1024
    topics: Positive = 200
    tenant_topic_bytes: Positive = 32 * 1024 * 1024
    bridge_bytes: Positive = 16 * 1024 * 1024
    subscribe_back_s: Seconds = 60.0
    forget_after_s: Seconds = 60.0
    tidy_every_s: Seconds = 30.0
    listeners: Positive = 64
    listeners_tenant: Positive = 16
    deployments_every_s: Seconds = 1.0
    schedules_every_s: Seconds = 0.5
    keys_every_s: Seconds = 60.0

    @property
    def letters(self) -> Bounds:
        """How many dead letters a tenant may have."""
        return Bounds(queue=self.dead_letters, bytes=self.dead_letter_bytes)

    @property
    def retention(self) -> Retention:
        """What a topic keeps."""
        return Retention(
            messages=self.topic_messages,
            bytes=self.topic_bytes,
            age_s=self.topic_age_s,
            unread_messages=self.unread_messages,
            unread_bytes=self.unread_bytes,
            topics=self.topics,
            tenant_bytes=self.tenant_topic_bytes,
        )


def read_settings(settings: dict[str, Any]) -> MessagingSettings:
    """Read the worker's `settings`.

    Raises:
        SettingsError: an unknown name, a wrong type, or a value out of its range.
    """
    try:
        return msgspec.convert(settings, MessagingSettings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"settings of messaging: {error}") from error
