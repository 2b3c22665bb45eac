"""Green Button: a meter's period as an Atom feed of NAESB ESPI (REQ.21) resources."""

import re
from collections.abc import Iterable
from typing import Final
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from functions.mdms.period_query import Page, instant_text
from functions.mdms.resampling import adds_up
from storage.model.block import PRESENT

MEDIA_TYPE: Final = "application/atom+xml"
ATOM: Final = "http://www.w3.org/2005/Atom"
ESPI: Final = "http://naesb.org/espi"
END: Final = b"</feed>\n"

_ELECTRICITY: Final = 0
_ELECTRICITY_METERED: Final = 1
_NORMAL: Final = 12
_DELTA, _INDICATING = 4, 6
_FORWARD, _REVERSE = 1, 19
_ENERGY, _POWER = 12, 37
_WATT_HOURS, _WATTS = 72, 38
# IEC 62056-61: C = 2, 4 and 10 count what is delivered to the grid.
_EXPORT = re.compile(r"\d+-\d+:(?:2|4|10|22|42|62)\..*")


class GreenButtonFeed:
    """Writes the feed of one meter's register piece by piece; ends with `END`.

    Identifiers are made of names, so that the same resource has the same one in every feed.
    """

    def __init__(self, *, tenant: str, meter_id: str, register: str, now_s: int) -> None:
        """`now_s`, in seconds since 1970, is when the feed is made."""
        self._register = register
        self._updated = instant_text(now_s)
        self._base = f"urn:gridfaas:{tenant}:{meter_id}"
        self._usage_point = f"UsagePoint/{meter_id}"
        self._title = f"{meter_id} {register}"

    def begin(self, lengths: Iterable[int]) -> bytes:
        """The feed's head, its usage point, and what is read there in intervals of `lengths`."""
        head = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<feed xmlns="{ATOM}" xmlns:espi="{ESPI}">'
            f"<id>{self._urn('feed')}</id><title>{escape(self._title)}</title>"
            f"<updated>{self._updated}</updated>\n"
        )
        point = self._entry(
            self._usage_point,
            up="UsagePoint",
            related=f"{self._usage_point}/MeterReading",
            title="Usage point",
            content="<espi:UsagePoint><espi:ServiceCategory>"
            f"<espi:kind>{_ELECTRICITY}</espi:kind>"
            "</espi:ServiceCategory></espi:UsagePoint>",
        )
        readings = [part for length in lengths for part in self._reading(length)]
        return "".join((head, point, *readings)).encode()

    def block(self, page: Page, slots: NDArray[np.void]) -> bytes:
        """The intervals of `page` that have a value, nothing when none has."""
        present = np.flatnonzero((slots["flags"] & PRESENT) != 0)
        if not len(present):
            return b""
        length = page.interval_s
        starts = ((page.first + present) * length).tolist()
        readings = "".join(
            "<espi:IntervalReading>"
            f"<espi:ReadingQuality><espi:quality>{quality}</espi:quality></espi:ReadingQuality>"
            f"<espi:timePeriod><espi:duration>{length}</espi:duration>"
            f"<espi:start>{start}</espi:start></espi:timePeriod>"
            f"<espi:value>{value}</espi:value></espi:IntervalReading>"
            for start, value, quality in zip(
                starts,
                slots["final"][present].tolist(),
                slots["quality"][present].tolist(),
                strict=True,
            )
        )
        begin = page.first * length
        up = f"{self._meter_reading(length)}/IntervalBlock"
        return self._entry(
            f"{up}/{begin}",
            up=up,
            related=None,
            title=f"{page.instant(page.first)} to {page.instant(page.end)}",
            content="<espi:IntervalBlock><espi:interval>"
            f"<espi:duration>{(page.end - page.first) * length}</espi:duration>"
            f"<espi:start>{begin}</espi:start></espi:interval>{readings}</espi:IntervalBlock>",
        ).encode()

    def _reading(self, length: int) -> tuple[str, str]:
        energy = adds_up(self._register)
        kind = f"ReadingType/{self._register}:{length}"
        fields = {
            "accumulationBehaviour": _DELTA if energy else _INDICATING,
            "commodity": _ELECTRICITY_METERED,
            "dataQualifier": _NORMAL,
            "flowDirection": _REVERSE if _EXPORT.fullmatch(self._register) else _FORWARD,
            "intervalLength": length,
            "kind": _ENERGY if energy else _POWER,
            "powerOfTenMultiplier": 0,
            "uom": _WATT_HOURS if energy else _WATTS,
        }
        content = "".join(f"<espi:{name}>{code}</espi:{name}>" for name, code in fields.items())
        reading = self._meter_reading(length)
        return (
            self._entry(
                kind,
                up="ReadingType",
                related=None,
                title=f"{self._register} each {length} s",
                content=f"<espi:ReadingType>{content}</espi:ReadingType>",
            ),
            self._entry(
                reading,
                up=f"{self._usage_point}/MeterReading",
                related=kind,
                title=self._title,
                content="<espi:MeterReading/>",
                children=f"{reading}/IntervalBlock",
            ),
        )

    def _meter_reading(self, length: int) -> str:
        return f"{self._usage_point}/MeterReading/{self._register}:{length}"

    def _entry(
        self,
        path: str,
        *,
        up: str,
        related: str | None,
        title: str,
        content: str,
        children: str | None = None,
    ) -> str:
        links = [("self", path), ("up", up)]
        links += [("related", one) for one in (children, related) if one is not None]
        linked = "".join(f'<link rel="{rel}" href={quoteattr(href)}/>' for rel, href in links)
        return (
            f"<entry><id>{self._urn(path)}</id>{linked}<title>{escape(title)}</title>"
            f"<content>{content}</content>"
            f"<published>{self._updated}</published><updated>{self._updated}</updated></entry>\n"
        )

    def _urn(self, path: str) -> str:
        return f"urn:uuid:{uuid5(NAMESPACE_URL, f'{self._base}/{path}')}"
