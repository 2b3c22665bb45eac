"""`GET /v1/mdms/history`: every version that a meter's intervals ever had, side by side."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime

from functions.mdms import desk_examples
from functions.mdms.desk_calls import desk_of, json_of
from functions.mdms.exception_form import moment
from functions.mdms.lookup import registered_meter
from functions.mdms.period_query import instant_text, page_of
from functions.mdms.ports import Backing
from functions.mdms.settings import MdmsSettings
from functions.runtime.request import Caller, caller
from storage.cold.edits import KeptEdit
from storage.cold.slot_versions import SlotVersion, Standing
from storage.model.quality import CLASS_OF_QUALITY, QualityClass


def history_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    @router.get("/history", summary="The history of intervals", **desk_examples.HISTORY)
    async def history(
        _: Annotated[Caller, Depends(caller)],
        meter_id: Annotated[str, Query(min_length=1, max_length=64)],
        begin: Annotated[AwareDatetime, Query(alias="from")],
        end: Annotated[AwareDatetime, Query(alias="to")],
        register: Annotated[str, Query()] = "1-0:1.8.0",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
        cursor: Annotated[str | None, Query()] = None,
    ) -> Response:
        """Each interval that starts in `[from, to)` and was ever given a value, with all of them.

        `metered` is the newest actual reading (pre-VEE), `final` what counts (post-VEE), `versions`
        are in the order of their acknowledgement; one that the desk wrote says who, why and how.
        """
        zone = backing()
        desk = desk_of(zone)
        meter = await registered_meter(zone.book, meter_id, register=register)
        page = page_of(
            meter=meter,
            register=register,
            begin=begin,
            end=end,
            limit=limit,
            cursor=cursor,
            max_days=settings.max_query_days,
        )
        begin_s, end_s = page.first * page.interval_s, page.end * page.interval_s
        keys = page.block_keys()
        found, edits = await desk.versions(keys) if keys else ([], {})
        by_interval: defaultdict[int, list[SlotVersion]] = defaultdict(list)
        for version in found:
            if begin_s <= version.at < end_s:
                by_interval[version.at].append(version)
        return json_of(
            {
                "meter_id": meter_id,
                "register": register,
                "interval_s": page.interval_s,
                "from": page.instant(page.first),
                "to": page.instant(page.end),
                "intervals": [
                    _interval(at, versions, edits) for at, versions in by_interval.items()
                ],
                "next_cursor": page.cursor(),
            }
        )

    return router


def _interval(
    at: int, versions: list[SlotVersion], edits: Mapping[int, KeptEdit]
) -> dict[str, Any]:
    final = next(one for one in versions if one.standing is Standing.CURRENT)
    metered = next((one for one in versions if one.standing is Standing.METERED), None)
    if metered is None and CLASS_OF_QUALITY[final.quality] == QualityClass.ACTUAL:
        metered = final
    return {
        "at": instant_text(at),
        "metered": None if metered is None else metered.value,
        "final": final.value,
        "quality": final.quality,
        "versions": [_version(one, edits) for one in versions],
    }


def _version(one: SlotVersion, edits: Mapping[int, KeptEdit]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "value": one.value,
        "quality": one.quality,
        "standing": one.standing.value,
        "acknowledged_at": moment(one.sequence),
        "edge": one.edge,
        "sequence": one.sequence,
    }
    # A stamp of another edge may have the same sequence; what it wrote was another value.
    kept = edits.get(one.sequence)
    if kept is not None and one.quality in kept.edit.quality:
        said |= {
            "edit_id": kept.id,
            "method": kept.edit.method,
            "editor": kept.editor,
            "reason": kept.reason,
            "approver": kept.approver,
        }
    return said
