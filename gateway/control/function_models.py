"""What the control plane says and hears of tenants' functions, as JSON."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from gateway.control.models import Strict

FunctionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$", examples=["late-meters"])]
Digest = Annotated[str, Field(examples=["9f86d081884c7d659a2feaa0c55ad015" * 2])]


class DeployedVersion(BaseModel):
    """The version that is in force from now on; `created` is false where it was there before.

    A zone that follows `platform_version` of the platform's record, or a later one, knows it.
    """

    tenant: str
    name: FunctionName
    version: Annotated[int, Field(examples=[3])]
    digest: Digest
    created: bool
    platform_version: int


class VersionShown(BaseModel):
    """A version that can be rolled back to; `created_by` is the id of a key."""

    version: int
    digest: Digest
    created_at: datetime
    created_by: str


class WorkerShown(BaseModel):
    """A worker of the function in the asked zone."""

    id: str
    version: int
    state: str
    started_at: datetime
    active: int
    invocations: int


class EndShown(BaseModel):
    """The end of a worker: one of idle, replaced, memory-limit, run-time-limit, process-limit,
    disk-limit, crashed, killed, stopped, and what was seen of it.
    """

    instance: str
    version: int
    reason: Annotated[str, Field(examples=["memory-limit"])]
    detail: str
    at: datetime


class InZone(BaseModel):
    """The function in the zone that was asked.

    `state` is preparing, ready, failed or elsewhere (it runs in other tiers); `version` shall be
    in force there, `serving` is (0: none yet), as of `platform_version` of the platform's record.
    `ended` counts its workers' ends by reason since the zone's agent started.
    """

    zone: str
    version: int
    platform_version: int = 0
    state: Annotated[str, Field(examples=["ready"])]
    reason: str = ""
    serving: int = 0
    instances: list[WorkerShown] = []
    start_failure: str = ""
    ended: dict[str, int] = {}
    last_end: EndShown | None = None


class FunctionDetail(BaseModel):
    """A function: its spec, the versions that headquarters keeps, and how it does in a zone."""

    tenant: str | None
    name: str
    version: int
    digest: str
    spec: dict[str, Any]
    versions: list[VersionShown] = []
    zone: InZone


class Rollback(Strict):
    """The version to go back to; null is the one before the current."""

    version: Annotated[int, Field(ge=1)] | None = None


class SecretValue(Strict):
    """What a secret shall be."""

    value: Annotated[str, Field(max_length=4_096, examples=["s3cret"])]


class SecretShown(BaseModel):
    """A secret's name, never its value."""

    name: str
    changed_at: datetime


class SecretList(BaseModel):
    """A tenant's secrets by name."""

    secrets: list[SecretShown]
