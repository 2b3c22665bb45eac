"""The functions that exist anywhere, as this zone's agent lists them, and the paths to them."""

import re

import msgspec

from gateway.refusal import Refusal
from storage.platform.functions.spec import FunctionSpec
from storage.platform.snapshot import Snapshot

_DOT_SEGMENT = re.compile(rb"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_BY_NAME = b"/function/"


class NoSuchPath(Refusal):
    """Nothing answers to this path."""


class NotInThisZone(Refusal):
    """The function exists, in zones of another tier."""


class CatalogueMissing(Refusal):
    """The agent has not said yet which functions there are."""


class FunctionList(msgspec.Struct, frozen=True):
    """The agent's answer."""

    functions: list[FunctionSpec]


class Catalogue:
    """Paths to functions; replaced as a whole by `replace`."""

    def __init__(self, *, tier: int) -> None:
        self._tier = tier
        self._by_name: dict[bytes, FunctionSpec] = {}
        self._by_prefix: dict[bytes, FunctionSpec] = {}
        self.loaded = False
        self.mark = ""
        """Another one for every other list of functions."""

    def replace(self, functions: FunctionList, *, mark: str = "") -> None:
        """Know these functions and no others."""
        entries = functions.functions
        self._by_name = {entry.name.encode(): entry for entry in entries}
        self._by_prefix = {e.route_prefix.encode(): e for e in entries if e.route_prefix}
        self.mark = mark
        self.loaded = True

    @property
    def all(self) -> list[FunctionSpec]:
        """Every function, also those of other tiers, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def route(self, raw_path: bytes, *, snapshot: Snapshot) -> tuple[FunctionSpec, bytes]:
        """Return the function that answers to a raw path, and the path to ask it for.

        `/v1/<service>/...` goes on as it is; `/function/NAME/...` is mapped under the function's
        own prefix.

        Raises:
            NoSuchPath: nothing answers, or the path has dot segments (which a function might
                resolve to a path that the gateway did not check).
            NotInThisZone: the function has no place in this tier.
            CatalogueMissing: the functions are not known yet.
        """
        if not self.loaded:
            raise CatalogueMissing("the functions of this zone are not known yet", retry_after_s=1)
        if _DOT_SEGMENT.search(raw_path):
            raise NoSuchPath("a path with dot segments leads nowhere")
        if raw_path.startswith(_BY_NAME):
            name, slash, below = raw_path[len(_BY_NAME) :].partition(b"/")
            entry = self._by_name.get(name)
            prefix = entry.route_prefix.encode() if entry and entry.route_prefix else b""
            path = prefix + slash + below or b"/"
        else:
            second = raw_path.find(b"/", raw_path.find(b"/", 1) + 1)
            entry = self._by_prefix.get(raw_path if second < 0 else raw_path[:second])
            path = raw_path
        if entry is None:
            raise NoSuchPath("nothing answers to this path")
        if self._tier not in entry.tiers:
            zones = [zone.name for zone in snapshot.zones if zone.tier in entry.tiers]
            tiers = ", ".join(map(str, entry.tiers))
            raise NotInThisZone(
                f"{entry.name} runs in tier {tiers}, not in tier {self._tier}",
                members={"function": entry.name, "tiers": entry.tiers, "zones": zones},
            )
        return entry, path
