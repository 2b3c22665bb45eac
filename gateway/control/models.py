"""What the control plane says and hears, as JSON."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from storage.platform.keys import Role

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,30}$", examples=["acme"])]
ZoneName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$", examples=["zone-3a"])]
Scope = Annotated[str, Field(pattern=r"^[a-z_]+:[a-z_]+$", examples=["mdms:read"])]


class Strict(BaseModel):
    """A body without surprises: an unknown member is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NewTenant(Strict):
    """A distribution company and the zones that serve it."""

    slug: Slug
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Acme Power"])]
    zones: Annotated[list[ZoneName], Field(min_length=1, max_length=1000)]


class Tenant(BaseModel):
    """A tenant; its workers run under the user id 200000 + `number`."""

    slug: Slug
    number: int
    name: str
    zones: list[ZoneName]


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


class Key(BaseModel):
    """A key as it may be shown: never its text."""

    key_id: Annotated[str, Field(examples=["5f0c2a9be41d7c3388aa01ef"])]
    tenant: str | None
    role: str
    scopes: list[str]
    zone: str | None
    expires_at: datetime | None


class MintedKey(Key):
    """A new key with its text, which is shown this once."""

    key: Annotated[str, Field(examples=["gf_" + "x" * 32])]


class KeyList(BaseModel):
    """The keys that the caller may see."""

    keys: list[Key]
