"""A bounded number of meters by name, the least lately asked for forgotten first."""

from collections.abc import Iterable, Mapping, Sequence

from storage.model.meter import Meter


class KnownMeters:
    """Two generations: what is asked for moves to the young one; a full one makes the old go.

    So a look-up costs one look into a dictionary, or two, and no order is kept.
    """

    def __init__(self, most: int) -> None:
        """At most `most` meters are held."""
        self._a_generation = max(1, most // 2)
        self._young: dict[str, Meter] = {}
        self._old: dict[str, Meter] = {}

    def __len__(self) -> int:
        """Number of meters held."""
        return len(self._young) + len(self._old)

    def find(self, meter_ids: Sequence[str]) -> tuple[dict[str, Meter], list[str]]:
        """The meters that are held of those, and the names of the others, each once."""
        young, old = self._young, self._old
        found: dict[str, Meter] = {}
        missing: dict[str, None] = {}
        moved: dict[str, Meter] = {}
        for name in meter_ids:
            if (meter := young.get(name)) is not None:
                found[name] = meter
            elif (meter := old.get(name)) is not None:
                found[name] = moved[name] = meter
            else:
                missing[name] = None
        if moved:
            self.put(moved)
        return found, list(missing)

    def put(self, meters: Mapping[str, Meter]) -> None:
        """Hold these."""
        for name, meter in meters.items():
            if len(self._young) >= self._a_generation and name not in self._young:
                self._old, self._young = self._young, {}
            self._old.pop(name, None)
            self._young[name] = meter

    def change(self, meters: Iterable[Meter]) -> None:
        """Exchange those of the meters that are held."""
        for meter in meters:
            for held in (self._young, self._old):
                if meter.meter_id in held:
                    held[meter.meter_id] = meter

    def clear(self) -> None:
        """Forget all."""
        self._young, self._old = {}, {}
