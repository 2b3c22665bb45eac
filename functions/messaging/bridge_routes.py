"""Topics between zones: bridge one upwards, and take what child zones bring."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request

from functions.messaging.caller import Caller, caller_of, topic_name
from functions.messaging.errors import NotAllowed, NotFound
from functions.messaging.parts import Parts
from functions.messaging.schema import Acknowledged, BridgeBody, BridgeShown
from functions.runtime import request as gateway_request
from functions.runtime.uplink_body import unpack
from storage.hot.queues.bridges import BridgedMessage
from storage.hot.queues.record import QueueFull
from storage.model.stamp import zone_of_edge
from storage.model.traffic import TrafficClass
from storage.model.uplink import UplinkEntry, UplinkUnreadable, decode_entries

HEADQUARTERS: Final = 1
Asking = Annotated[Caller, Depends(caller_of)]
Named = Annotated[str, Depends(topic_name)]
Zone = Annotated[gateway_request.Caller, Depends(gateway_request.caller)]


def bridge_routes(parts: Parts) -> APIRouter:
    """Make the routes of bridges."""
    router = APIRouter(prefix="/v1/messaging", tags=["topics"])

    @router.put(
        "/topics/{topic}/bridge",
        summary="Let a topic's messages travel to the zones above",
        responses={404: {"description": "not-found: there is no zone above headquarters"}},
    )
    async def bridge(topic: Named, body: BridgeBody, caller: Asking) -> BridgeShown:
        """From now on, each message also goes to the topic of this name in every zone above, once,
        in its class of traffic: an alarm goes before everything else on a link."""
        if parts.tier == HEADQUARTERS:
            raise NotFound("there is no zone above headquarters")
        await parts.bridges.bridge(caller.tenant, topic, body.traffic_class)
        return BridgeShown(topic=topic, traffic_class=body.traffic_class)

    @router.delete("/topics/{topic}/bridge", status_code=204, summary="Bridge a topic no more")
    async def unbridge(topic: Named, caller: Asking) -> None:
        """What was published before still travels."""
        if not await parts.bridges.unbridge(caller.tenant, topic):
            raise NotFound(f"topic {topic} is not bridged")

    @router.post("/uplink/{traffic_class}", include_in_schema=False)
    async def uplink(
        request: Request,
        zone: Zone,
        traffic_class: TrafficClass,
        content_encoding: Annotated[str, Header()] = "identity",
    ) -> Acknowledged:
        """Take a class's entries of a child zone, from the first on as far as there is room."""
        if zone.zone is None:
            raise NotAllowed("only zones bring messages")
        body = await request.body()
        entries = decode_entries(unpack(body, encoding=content_encoding))
        messages = [_message(entry, zone) for entry in entries]
        for done, (entry, message) in enumerate(zip(entries, messages, strict=True)):
            try:
                fresh = await parts.bridges.take(
                    zone.tenant,
                    entry,
                    message,
                    traffic_class=traffic_class,
                    caller=zone.zone,
                    onward=parts.tier != HEADQUARTERS,
                )
            except QueueFull as full:
                parts.metrics.refused(zone.tenant, full.limit)
                if done:
                    return Acknowledged(acknowledged=done)
                raise
            if fresh:
                parts.metrics.published(zone.tenant, message.topic)
                parts.feed.poke()
                parts.listeners.tell(zone.tenant, message.topic)
        return Acknowledged(acknowledged=len(entries))

    return router


def _message(entry: UplinkEntry, zone: gateway_request.Caller) -> BridgedMessage:
    if zone_of_edge(entry.edge) not in zone.zone_edges:
        raise NotAllowed(f"{zone.zone} may not bring entries of {entry.edge[:64]!r}")
    message = BridgedMessage.of(entry.payload)
    try:
        topic_name(message.topic)
    except NotFound as error:
        raise UplinkUnreadable(str(error)) from error
    return message
