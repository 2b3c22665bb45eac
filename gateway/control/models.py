"""What the control plane says and hears, as JSON."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from storage.platform.keys import Role

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,30}$", examples=["acme"])]
ZoneName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$", examples=["zone-3a"])]
Scope = Annotated[str, Field(pattern=r"^[a-z_]+:[a-z_]+$", examples=["mdms:read"])]


CallsPerS = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False, description="Calls a second in each zone.", examples=[50]),
]


class Strict(BaseModel):
    """A body without surprises: an unknown member is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NewTenant(Strict):
    """A distribution company and the zones that serve it."""

    slug: Slug
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Acme Power"])]
    zones: Annotated[list[ZoneName], Field(min_length=1, max_length=1000)]
    calls_per_s: CallsPerS | None = None


class TenantChange(Strict):
    """What is to be another; no zones take the tenant off the platform, null frees its calls."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = ""
    zones: Annotated[list[ZoneName], Field(max_length=1000)] = []
    calls_per_s: CallsPerS | None = None
    settings: Annotated[
        dict[str, dict[str, Any]],
        Field(
            description="By service and name, merged into what there is; null takes one back.",
            examples=[
                {
                    "mdms": {
                        "stale_after_days": 30,
                        "weekend": ["friday", "saturday"],
                        "holidays": ["2026-03-20", "2026-07-14"],
                    }
                }
            ],
        ),
    ] = {}


class Tenant(BaseModel):
    """A tenant; its workers run under the user id 200000 + `number`.

    Zones in `leaving` take nothing in for it and hand on what they have; `link_only` tells a
    zone's key that its zone is but one of these, or on their way. Without `calls_per_s` each
    zone's own limit holds.
    """

    slug: Slug
    number: int
    name: str
    zones: list[ZoneName]
    leaving: list[ZoneName] = []
    link_only: bool = False
    calls_per_s: float | None
    settings: dict[str, dict[str, Any]] = {}


class TenantList(BaseModel):
    """Every tenant that the caller may see."""

    tenants: list[Tenant]


class NewKey(Strict):
    """A key to be made; without scopes it gets those of its role."""

    role: Role
    tenant: Slug | None = None
    zone: ZoneName | None = None
    scopes: list[Scope] | None = None
    expires_at: AwareDatetime | None = None
    calls_per_s: CallsPerS | None = None


class Key(BaseModel):
    """A key as it may be shown: never its text."""

    key_id: Annotated[str, Field(examples=["5f0c2a9be41d7c3388aa01ef"])]
    tenant: str | None
    role: str
    scopes: list[str]
    zone: str | None
    expires_at: datetime | None
    calls_per_s: float | None


class MintedKey(Key):
    """A new key with its text, which is shown this once."""

    key: Annotated[str, Field(examples=["gf_" + "x" * 32])]


class KeyList(BaseModel):
    """The keys that the caller may see."""

    keys: list[Key]


class NewZone(Strict):
    """Where a zone stands; headquarters, of tier 1, has no parent."""

    tier: Annotated[int, Field(ge=1, le=3)]
    parent: ZoneName | None = None


class Zone(BaseModel):
    """A zone of the topology."""

    name: ZoneName
    tier: int
    parent: ZoneName | None


class ZoneList(BaseModel):
    """The zones known here, headquarters first."""

    zones: list[Zone]


class Function(BaseModel):
    """A function as its callers meet it; times in seconds, bodies in bytes, memory in MiB.

    Services of the platform have no tenant and no version.
    """

    name: str
    tenant: str | None = None
    version: int = 0
    tiers: list[int]
    route_prefix: str | None
    owner: str
    read_scopes: list[str]
    write_scopes: list[str]
    timeout_s: float
    concurrency: int
    memory_mb: int
    max_body_bytes: int


class FunctionPage(BaseModel):
    """Functions by name, those of other tiers among them; go on with `next_cursor`."""

    functions: list[Function]
    next_cursor: str | None


class LedgerTaken(BaseModel):
    """How far headquarters has taken the segment."""

    next: int
