"""Routes of validation rules: what rules there are, groups of them, and which groups hold."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from functions.mdms import rule_examples
from functions.mdms.ports import Backing, RuleGroupBook
from functions.mdms.problems import NotInThisZone
from functions.mdms.readings_body import MalformedBody
from functions.mdms.request_body import content_encoding, header_map, read_request_body
from functions.mdms.rule_group_form import (
    ActivationBody,
    RuleGroupBody,
    activation_answer,
    catalogue,
    read_body,
    state_answer,
    version_answer,
)
from functions.mdms.settings import MdmsSettings
from functions.mdms.vee.rule_group import built_in_group
from functions.runtime.request import Caller, caller
from storage.cold.rule_groups import UnknownRuleGroup

_group_body = msgspec.json.Decoder(RuleGroupBody)
_activation_body = msgspec.json.Decoder(ActivationBody)

AnyCaller = Annotated[Caller, Depends(caller)]


def rule_group_routes(backing: Callable[[], Backing], settings: MdmsSettings) -> APIRouter:
    """Make the router; `backing` gives what the worker opened at its start."""
    router = APIRouter(prefix="/v1/mdms", tags=["mdms"])

    def groups() -> RuleGroupBook:
        zone = backing()
        if zone.groups is None:
            raise NotInThisZone(what="the record of rule groups", tiers=[1], tier=zone.tier)
        return zone.groups

    async def decoded(request: Request, decoder: msgspec.json.Decoder[Any]) -> Any:
        headers = header_map(request.scope["headers"])
        content_encoding(headers, media_type="application/json", encodings=("identity",))
        body = await read_request_body(request.receive, headers, limit=settings.max_body_bytes)
        try:
            return decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedBody(str(error)) from error

    @router.get("/rules", summary="List the validation rules", **rule_examples.RULES)
    async def rules(_: AnyCaller) -> Response:
        """Every rule, its industry name, parameters, severity, quality and IEC 61968-9 codes."""
        return _json({"rules": catalogue()})

    @router.get("/active-rules", summary="Rule groups that hold here", **rule_examples.ACTIVE)
    async def active(_: AnyCaller) -> Response:
        """The groups that this zone has, and what holds for the meters that none is for."""
        held = await backing().active_rules()
        built_in = msgspec.to_builtins(built_in_group())
        return _json(msgspec.to_builtins(held) | {"otherwise": built_in})

    @router.post("/rule-groups", summary="Keep a rule group", **rule_examples.KEEP)
    async def keep(known: AnyCaller, request: Request) -> Response:
        """Make the next version of a group; the same again makes none. It holds once activated.

        Headquarters only, as are all changes of groups.
        """
        book = groups()
        body: RuleGroupBody = await decoded(request, _group_body)
        held = await book.add(read_body(body), by=known.subject, reason=body.reason)
        return _json(version_answer(held))

    @router.get("/rule-groups", summary="List the rule groups", **rule_examples.LIST)
    async def list_groups(
        _: AnyCaller,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        cursor: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        """Groups by name; go on with `next_cursor`."""
        page = await groups().page(after=cursor, limit=limit + 1)
        more = len(page) > limit
        return _json(
            {
                "groups": [state_answer(one) for one in page[:limit]],
                "next_cursor": page[limit - 1].name if more else None,
            }
        )

    @router.get("/rule-groups/{group}", summary="A rule group", **rule_examples.GROUP)
    async def one_group(_: AnyCaller, group: str) -> Response:
        """Every version of a group, and when which was made active by whom."""
        book = groups()
        versions = await book.versions(group)
        if not versions:
            raise UnknownRuleGroup(group[:64])
        log = await book.log(group)
        return _json(
            {
                "group": group,
                "versions": [version_answer(one) for one in versions],
                "activations": [activation_answer(one) for one in log],
            }
        )

    @router.get(
        "/rule-groups/{group}/versions/{version}",
        summary="A version of a rule group",
        **rule_examples.VERSION,
    )
    async def one_version(_: AnyCaller, group: str, version: int) -> Response:
        """A version as it was made; it never changes."""
        held = await groups().get(group, min(max(version, 0), 1 << 30))
        if held is None:
            raise UnknownRuleGroup(group[:64], version)
        return _json(version_answer(held))

    @router.post(
        "/rule-groups/{group}/activate",
        summary="Let a version of a rule group hold",
        **rule_examples.ACTIVATE,
    )
    async def activate(known: AnyCaller, group: str, request: Request) -> Response:
        """The version holds in every zone once the change has come there, as a meter's does."""
        book = groups()
        body: ActivationBody = await decoded(request, _activation_body)
        if body.version is None:
            raise MalformedBody("`version` is missing")
        held = await book.activate(group, body.version, by=known.subject, reason=body.reason)
        return _json(msgspec.to_builtins(held))

    @router.post(
        "/rule-groups/{group}/deactivate",
        summary="Let a rule group hold no longer",
        **rule_examples.DEACTIVATE,
    )
    async def deactivate(known: AnyCaller, group: str, request: Request) -> Response:
        """Its meters go to the next group that is for them, or to the built-in rules."""
        book = groups()
        body: ActivationBody = await decoded(request, _activation_body)
        if body.version is not None:
            raise MalformedBody("a deactivation has no `version`")
        held = await book.activate(group, None, by=known.subject, reason=body.reason)
        return _json(msgspec.to_builtins(held))

    return router


def _json(answer: Any) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json")
