"""The Green Button feed has the structure of ESPI: resources, order of their parts, links."""

from xml.etree import ElementTree

import numpy as np
import pytest

from functions.mdms.green_button import ATOM, END, ESPI, GreenButtonFeed
from functions.mdms.period_query import Page
from storage.model.block import HAS_RAW, PRESENT, SLOT
from tests.unit.functions.mdms.bodies import IMPORT, MIDNIGHT

NAMES = {"atom": ATOM, "espi": ESPI}
# The order of elements in espi.xsd; what we may leave out is left out here.
ORDER = {
    "UsagePoint": ["ServiceCategory"],
    "ServiceCategory": ["kind"],
    "MeterReading": [],
    "ReadingType": [
        "accumulationBehaviour",
        "commodity",
        "dataQualifier",
        "flowDirection",
        "intervalLength",
        "kind",
        "powerOfTenMultiplier",
        "uom",
    ],
    "interval": ["duration", "start"],
    "IntervalReading": ["ReadingQuality", "timePeriod", "value"],
    "ReadingQuality": ["quality"],
    "timePeriod": ["duration", "start"],
}


def feed(register: str = IMPORT, meter_id: str = "A") -> ElementTree.Element:
    page = Page(
        meter_id=meter_id,
        register=register,
        interval_s=900,
        first=MIDNIGHT // 900,
        end=MIDNIGHT // 900 + 96,
        next_s=None,
    )
    slots = np.zeros(96, dtype=SLOT)
    slots[0] = (0, 0, 14, PRESENT | HAS_RAW, 0)
    slots[95] = (0, 250, 8, PRESENT, 1)
    written = GreenButtonFeed(tenant="acme", meter_id=meter_id, register=register, now_s=MIDNIGHT)
    nothing = np.zeros(96, dtype=SLOT)
    body = written.begin([900]) + written.block(page, slots) + written.block(page, nothing) + END
    return ElementTree.fromstring(body)


def local(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(f"{{{ESPI}}}")


def contents(root: ElementTree.Element) -> dict[str, ElementTree.Element]:
    found = {local(one): one for one in root.findall("atom:entry/atom:content/*", NAMES)}
    assert len(found) == len(root.findall("atom:entry", NAMES))
    return found


def test_the_feed_has_each_resource_and_each_its_parts_in_order() -> None:
    found = contents(feed())

    assert list(found) == ["UsagePoint", "ReadingType", "MeterReading", "IntervalBlock"]
    for resource in found.values():
        for element in resource.iter():
            if local(element) in ORDER:
                assert [local(part) for part in element] == ORDER[local(element)]
    block = [local(part) for part in found["IntervalBlock"]]
    assert block == ["interval", "IntervalReading", "IntervalReading"]


def test_readings_say_start_length_value_and_quality_and_absent_ones_nothing() -> None:
    readings = contents(feed())["IntervalBlock"].findall("espi:IntervalReading", NAMES)

    def number(reading: ElementTree.Element, path: str) -> int:
        return int(reading.findtext(path, namespaces=NAMES) or "none")

    paths = (
        "espi:timePeriod/espi:start",
        "espi:timePeriod/espi:duration",
        "espi:value",
        "espi:ReadingQuality/espi:quality",
    )
    assert [tuple(number(one, path) for path in paths) for one in readings] == [
        (MIDNIGHT, 900, 0, 14),
        (MIDNIGHT + 95 * 900, 900, 250, 8),
    ]


@pytest.mark.parametrize(
    ("register", "direction", "kind", "uom", "behaviour"),
    [
        pytest.param("1-0:1.8.0", 1, 12, 72, 4, id="import"),
        pytest.param("1-0:2.8.0", 19, 12, 72, 4, id="export"),
        pytest.param("1-0:1.7.0", 1, 37, 38, 6, id="demand"),
    ],
)
def test_the_type_of_reading_is_the_registers(
    register: str, direction: int, kind: int, uom: int, behaviour: int
) -> None:
    said = {local(one): int(one.text or "") for one in contents(feed(register))["ReadingType"]}

    assert (said["flowDirection"], said["kind"], said["uom"]) == (direction, kind, uom)
    assert (said["accumulationBehaviour"], said["intervalLength"]) == (behaviour, 900)


def test_entries_are_linked_and_named() -> None:
    root = feed()
    hrefs: dict[str, set[str]] = {"self": set(), "up": set(), "related": set()}
    for link in root.findall("atom:entry/atom:link", NAMES):
        hrefs[link.attrib["rel"]].add(link.attrib["href"])
    ids = [one.text for one in root.iter(f"{{{ATOM}}}id")]

    # A related link names a resource of the feed, or the collection that some are up to.
    assert hrefs["related"] <= hrefs["self"] | hrefs["up"]
    assert len(hrefs["self"]) == 4
    assert len(set(ids)) == 5
    assert all(one is not None and one.startswith("urn:uuid:") for one in ids)
    assert [one.text for one in feed().iter(f"{{{ATOM}}}id")] == ids
    for entry in root.findall("atom:entry", NAMES):
        assert [one.tag.removeprefix(f"{{{ATOM}}}") for one in entry if "link" not in one.tag] == [
            "id",
            "title",
            "content",
            "published",
            "updated",
        ]


def test_names_are_escaped() -> None:
    root = feed(meter_id='<A&"')

    assert root.findtext("atom:title", namespaces=NAMES) == f'<A&" {IMPORT}'
