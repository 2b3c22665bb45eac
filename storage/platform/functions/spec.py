"""What a function's folder declares in function.yaml; the one definition that every room reads."""

from typing import Annotated, Any, Literal

import msgspec

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
SecretName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,62}$")]
Positive = Annotated[int, msgspec.Meta(ge=1)]
PositiveFloat = Annotated[float, msgspec.Meta(gt=0)]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^/v1/[a-z][a-z0-9_]*$")]
Factory = Annotated[str, msgspec.Meta(pattern=r"^[\w.]+:\w+$")]
TopicName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9._-]{0,62}$")]


class Scopes(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Scopes a caller needs; one of each list suffices, an empty list asks for none."""

    read: list[str] = []
    write: list[str] = []


class Scale(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """When workers are added and taken away.

    `target` is the share of `concurrency` that a worker should have in flight, or, with metric
    `rate`, the calls a second of one worker. Workers go after `stable_s` below the target.
    """

    metric: Literal["concurrency", "rate"] = "concurrency"
    target: PositiveFloat = 0.7
    stable_s: Positive = 60


class Schedule(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="schedule",
):
    """Calls the function at the minutes that `cron` names, in `time_zone` (None is UTC)."""

    cron: Annotated[str, msgspec.Meta(min_length=9, max_length=200)]
    time_zone: str | None = None
    body: Any = None


class Topic(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="topic",
):
    """Calls the function with each message of a topic, at least once, `tries` times at most."""

    topic: TopicName
    tries: Positive = 5


class Async(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """How asynchronous calls are tried again, and how long their results are kept (seconds)."""

    tries: Positive = 5
    backoff_s: PositiveFloat = 1.0
    max_backoff_s: PositiveFloat = 60
    keep_result_s: Positive = 3600
    queue: Positive = 1000


class FunctionSpec(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Memory and disk in MiB, times in seconds, bodies in bytes, `cpu` in cores.

    `concurrency` bounds the calls in flight of a worker, `max_concurrency` those of a zone,
    `queue` the calls that wait there. `route_prefix` and `app` (`module:factory`) are for the
    platform's own services. `owner` says whose worker serves: one a tenant, or the platform's.
    A service that is `opt_in` runs for those tenants alone for whom a zone has its secrets, and one
    that is `woken_by` a stream of the hot store has a worker as long as a tenant's has entries.
    """

    name: Name
    tiers: Annotated[list[Literal[1, 2, 3]], msgspec.Meta(min_length=1)] = msgspec.field(
        default_factory=lambda: [1, 2, 3]
    )
    role: Literal["FaaS", "SaaS", "BaaS"] = "FaaS"
    owner: Literal["tenant", "platform"] = "tenant"
    route_prefix: Prefix | None = None
    app: Factory | None = None
    opt_in: bool = False
    scopes: Scopes = Scopes()
    memory_mb: Positive = 256
    cpu: PositiveFloat = 1.0
    pids: Positive = 64
    disk_mb: Positive = 64
    timeout_s: Positive = 30
    concurrency: Positive = 32
    max_body_bytes: Positive = 8 * 1024 * 1024
    idle_s: Positive = 300
    min: Annotated[int, msgspec.Meta(ge=0)] = 0
    max: Positive = 1
    rate_per_s: PositiveFloat | None = None
    max_concurrency: Positive | None = None
    queue: Annotated[int, msgspec.Meta(ge=0)] = 256
    scale: Scale = Scale()
    balancing: Literal["round_robin", "least_loaded", "power_of_two", "mhbco"] = "least_loaded"
    provider: Literal["process", "docker"] | None = None
    triggers: list[Schedule | Topic] = []
    woken_by: list[Literal["validation"]] = []
    asynchronous: Async = Async()
    config: dict[str, str] = {}
    secrets: list[SecretName] = []
