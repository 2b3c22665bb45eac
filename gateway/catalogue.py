"""The functions that exist anywhere, as this zone's agent lists them, and the paths to them."""

import re
from dataclasses import dataclass

import msgspec

from gateway.refusal import Refusal
from storage.platform.functions.spec import FunctionSpec
from storage.platform.snapshot import Snapshot

_DOT_SEGMENT = re.compile(rb"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_BY_NAME = b"/function/"
_ASYNC = b"/async-function/"
_CALLS = b"/v1/calls/"

# The platform's own function that keeps asynchronous calls and their results.
MESSAGING = "messaging"
_KEEP_CALL = b"/v1/messaging/calls"


class NoSuchPath(Refusal):
    """Nothing answers to this path."""


class NotInThisZone(Refusal):
    """The function exists, in zones of another tier."""


class CatalogueMissing(Refusal):
    """The agent has not said yet which functions there are."""


class Deployed(msgspec.Struct, frozen=True):
    """A version of a tenant's function that is prepared to run in this zone."""

    tenant: str
    version: int
    digest: str
    spec: FunctionSpec


class FunctionList(msgspec.Struct, frozen=True):
    """The agent's answer: the platform's functions, and those of tenants."""

    functions: list[FunctionSpec]
    deployed: list[Deployed] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a call goes: `path` is asked of a worker of `spec`.

    `scoped` is the function whose scopes the caller needs, None where every key of the tenant
    will do. `later` names the path below an asynchronous call's function, which is `scoped`.
    """

    spec: FunctionSpec
    path: bytes
    scoped: FunctionSpec | None
    later: bytes | None = None


class Catalogue:
    """Paths to functions; replaced as a whole by `replace`."""

    def __init__(self, *, tier: int) -> None:
        self._tier = tier
        self._by_name: dict[bytes, FunctionSpec] = {}
        self._by_prefix: dict[bytes, FunctionSpec] = {}
        self._tenants: dict[tuple[str, bytes], FunctionSpec] = {}
        self._listed: FunctionList | None = None
        self.loaded = False
        self.edition = object()
        """Another one for every other list of functions, and the same as long as it is the same."""
        self.mark = ""
        """Another one for every other list of functions."""

    def replace(self, functions: FunctionList, *, mark: str = "") -> None:
        """Know these functions and no others."""
        self.mark = mark
        if functions == self._listed:
            return
        self._listed = functions
        entries = functions.functions
        self._by_name = {entry.name.encode(): entry for entry in entries}
        self._by_prefix = {e.route_prefix.encode(): e for e in entries if e.route_prefix}
        self._tenants = {
            (one.tenant, one.spec.name.encode()): one.spec for one in functions.deployed
        }
        self.edition = object()
        self.loaded = True

    @property
    def all(self) -> list[FunctionSpec]:
        """Every function of the platform, also those of other tiers, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def route(self, raw_path: bytes, *, tenant: str | None, snapshot: Snapshot) -> Route:
        """Return the function that answers to a raw path, and the path to ask it for.

        `/v1/<service>/...` goes on as it is. `/function/NAME/...` is the platform's service of
        that name, under its own prefix, or else the function of that name of the caller's
        `tenant`; `/async-function/NAME/...` is the same, for later.

        Raises:
            NoSuchPath: nothing answers, or the path has dot segments (which a function might
                resolve to a path that the gateway did not check). Another tenant's function is
                one that nobody has.
            NotInThisZone: the function has no place in this tier.
            CatalogueMissing: the functions are not known yet.
        """
        if not self.loaded:
            raise CatalogueMissing("the functions of this zone are not known yet", retry_after_s=1)
        if (b"/." in raw_path or b"%2" in raw_path) and _DOT_SEGMENT.search(raw_path):
            raise NoSuchPath("a path with dot segments leads nowhere")
        second = raw_path.find(b"/", raw_path.find(b"/", 1) + 1)
        entry = self._by_prefix.get(raw_path if second < 0 else raw_path[:second])
        if entry is not None:
            self._check_tier(entry, snapshot)
            return Route(spec=entry, path=raw_path, scoped=entry)
        if raw_path.startswith(_BY_NAME):
            entry, path = self._named(raw_path[len(_BY_NAME) :], tenant, snapshot)
            return Route(spec=entry, path=path, scoped=entry)
        if raw_path.startswith(_ASYNC):
            rest = raw_path[len(_ASYNC) :]
            entry, _ = self._named(rest, tenant, snapshot)
            later = rest[len(entry.name) :]
            return Route(spec=self._messaging(snapshot), path=_KEEP_CALL, scoped=entry, later=later)
        if raw_path.startswith(_CALLS):
            path = _KEEP_CALL + raw_path[len(_CALLS) - 1 :]
            return Route(spec=self._messaging(snapshot), path=path, scoped=None)
        raise NoSuchPath("nothing answers to this path")

    def _named(
        self, rest: bytes, tenant: str | None, snapshot: Snapshot
    ) -> tuple[FunctionSpec, bytes]:
        name, slash, below = rest.partition(b"/")
        entry = self._by_name.get(name)
        if entry is None and tenant is not None:
            entry = self._tenants.get((tenant, name))
        if entry is None:
            raise NoSuchPath("nothing answers to this path")
        self._check_tier(entry, snapshot)
        prefix = entry.route_prefix.encode() if entry.route_prefix else b""
        return entry, prefix + slash + below or b"/"

    def _messaging(self, snapshot: Snapshot) -> FunctionSpec:
        entry = self._by_name.get(MESSAGING.encode())
        if entry is None:
            raise NoSuchPath("asynchronous calls are not taken here")
        self._check_tier(entry, snapshot)
        return entry

    def _check_tier(self, entry: FunctionSpec, snapshot: Snapshot) -> None:
        if self._tier in entry.tiers:
            return
        zones = [zone.name for zone in snapshot.zones if zone.tier in entry.tiers]
        tiers = ", ".join(map(str, entry.tiers))
        raise NotInThisZone(
            f"{entry.name} runs in tier {tiers}, not in tier {self._tier}",
            members={"function": entry.name, "tiers": entry.tiers, "zones": zones},
        )
