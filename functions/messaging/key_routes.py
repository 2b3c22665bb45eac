"""The key by which a tenant checks that a callback is ours."""

from typing import Annotated

from fastapi import APIRouter, Depends

from functions.messaging.caller import Caller, caller_of
from functions.messaging.parts import Parts
from functions.messaging.schema import SigningKey
from functions.messaging.signing_keys import ROUTE

Asking = Annotated[Caller, Depends(caller_of)]


def key_routes(parts: Parts) -> APIRouter:
    """Make the route of the key."""
    router = APIRouter(tags=["callbacks"])

    @router.get(
        ROUTE,
        summary="The key that signs the tenant's callbacks, for its administrator",
        responses={503: {"description": "signing-key-missing: headquarters has not told it yet"}},
    )
    async def show(caller: Asking) -> SigningKey:
        """One key a tenant, the same in every zone; made when it is first asked for."""
        caller.require("tenant-admin", "zone")
        return SigningKey(key=await parts.keys.of(caller.tenant), algorithm="HMAC-SHA256")

    return router
