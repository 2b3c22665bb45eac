"""Links for tests, of lines with figures that are easy to reckon with."""

from typing import Any

from zones.links.medium import Lengths, Losses, Medium, Rates
from zones.links.plan import Failover, LinkPlan

SOURCE = "made up for a test"


def medium(name: str, **figures: Any) -> Medium:
    """The same in both directions."""

    def both(key: str) -> dict[str, Any]:
        value = figures.get(key, None if key == "rate_mbps" else 0.0)
        return {"up": value, "down": value, "source": SOURCE}

    return Medium(
        name=name,
        what="a test's",
        delay_ms=Lengths(**both("delay_ms")),
        jitter_ms=Lengths(**both("jitter_ms")),
        rate_mbps=Rates(**both("rate_mbps")),
        loss=Losses(**both("loss")),
    )


def plan(*media: Medium, after_ms: float = 50.0, back_after_s: float = 10.0) -> LinkPlan:
    """A link over these paths, best first."""
    failover = Failover(after_ms=after_ms, back_after_s=back_after_s, source=SOURCE)
    return LinkPlan(name="edge-to-fog", paths=list(media), failover=failover)
