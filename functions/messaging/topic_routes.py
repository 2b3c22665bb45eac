"""Topics: publish, list, and listen by server-sent events."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from functions.messaging.caller import Caller, caller_of, is_stream_id, topic_name
from functions.messaging.errors import BodyTooLarge, CursorRefused
from functions.messaging.parts import Parts
from functions.messaging.schema import GroupShown, Published, TopicList, TopicShown
from storage.hot.queues.record import QueueFull

LISTEN_S: Final = 55.0
MARGIN_S: Final = 2.0
BEGINNING: Final = "0-0"
Asking = Annotated[Caller, Depends(caller_of)]
Named = Annotated[str, Depends(topic_name)]


def topic_routes(parts: Parts) -> APIRouter:
    """Make the routes below /v1/messaging/topics."""
    router = APIRouter(prefix="/v1/messaging/topics", tags=["topics"])

    @router.get("", summary="The tenant's topics in this zone, and which functions read them")
    async def listing(caller: Asking) -> TopicList:
        bridged = await parts.bridges.bridged(caller.tenant)
        return TopicList(
            topics=[
                TopicShown(
                    topic=name,
                    messages=await parts.topics.length(caller.tenant, name),
                    bridge=bridged.get(name),
                    readers=[
                        GroupShown(function=one.name, last_id=one.last_id, behind=one.lag)
                        for one in await parts.topics.groups(caller.tenant, name)
                    ],
                )
                for name in await parts.topics.names(caller.tenant)
            ]
        )

    @router.post(
        "/{topic}",
        status_code=201,
        summary="Publish a message",
        responses={
            413: {"description": "body-too-large"},
            429: {
                "description": "too-many-requests: `limit` is topic_messages, topic_bytes or "
                "tenant_topic_bytes (too much is unread), topics, or bridge_bytes (too much of "
                "its class waits for the zone above)"
            },
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {},
                        "example": {"meter": "M-7", "event": "power-fail"},
                    }
                },
            }
        },
    )
    async def publish(request: Request, topic: Named, caller: Asking) -> Published:
        """Any body of any type, as it is; durable when answered, delivered at least once."""
        body = await request.body()
        if len(body) > parts.settings.message_bytes:
            raise BodyTooLarge(f"a message is {parts.settings.message_bytes} bytes at most")
        try:
            message_id = await parts.topics.publish(
                caller.tenant,
                topic,
                body=body,
                content_type=request.headers.get("content-type", ""),
                subject=caller.subject,
            )
        except QueueFull as full:
            parts.metrics.refused(caller.tenant, full.limit)
            raise
        parts.metrics.published(caller.tenant, topic)
        parts.feed.poke()
        parts.listeners.tell(caller.tenant, topic)
        return Published(id=message_id, topic=topic)

    @router.get(
        "/{topic}/events",
        summary="Listen to a topic by server-sent events",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "Events named `message`, their ids as cursors.",
                "content": {
                    "text/event-stream": {
                        "example": 'id: 1795254000000-0\nevent: message\ndata: {"id":'
                        '"1795254000000-0","body":{"meter":"M-7"},"encoding":"json"}\n\n'
                    }
                },
            },
            429: {"description": "too-many-requests: `limit` is listeners or listeners_zone"},
        },
    )
    async def events(
        topic: Named,
        caller: Asking,
        cursor: Annotated[
            str | None, Query(description="Begin after this id; 0-0 for all that is kept.")
        ] = None,
        last_event_id: Annotated[str | None, Header()] = None,
        x_gridfaas_deadline_ms: Annotated[int | None, Header(include_in_schema=False)] = None,
    ) -> StreamingResponse:
        """Without a cursor, what comes from now on. The stream ends after a while: go on from the
        last id, as an EventSource does by itself."""
        after = last_event_id or cursor
        if after is None:
            after = await parts.topics.last_id(caller.tenant, topic)
        elif not is_stream_id(after):
            raise CursorRefused("a cursor is a message's id, as 1795254000000-0")
        allowed_s = LISTEN_S
        if x_gridfaas_deadline_ms is not None:
            allowed_s = max(0.5, min(LISTEN_S, x_gridfaas_deadline_ms / 1000 - MARGIN_S))
        parts.listeners.check_room(caller.tenant)
        stream = parts.listeners.events(caller.tenant, topic, after=after, for_s=allowed_s)
        return StreamingResponse(
            stream, media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    return router
