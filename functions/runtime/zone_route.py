"""Routes of a service that are for the credential of a zone, and for nobody else."""

from typing import Annotated

from fastapi import Depends

from functions.runtime.request import Caller, caller


class ZonesOnly(PermissionError):
    """Somebody else than a zone calls a zone's route."""

    def __init__(self) -> None:
        super().__init__("only a zone's credential may call this")


def zone_caller(known: Annotated[Caller, Depends(caller)]) -> Caller:
    """Give the caller if it is a zone.

    Raises:
        ZonesOnly: it is somebody else.
    """
    if known.zone is None:
        raise ZonesOnly
    return known


ZoneCaller = Annotated[Caller, Depends(zone_caller)]
