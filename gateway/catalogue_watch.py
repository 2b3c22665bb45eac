"""Keeps the catalogue as the agent has it."""

import asyncio
import logging

from gateway.agent_client import AgentClient, AgentUnavailable
from gateway.catalogue import Catalogue

logger = logging.getLogger(__name__)

# At the start the agent may need a moment longer than the gateway.
FIRST_RETRY_S = 0.1


async def follow_catalogue(*, agent: AgentClient, catalogue: Catalogue, every_s: float) -> None:
    """Ask for ever, every `every_s` seconds; cancel to stop. A silent agent changes nothing."""
    silent = False
    held: str | None = None
    while True:
        try:
            if (found := await agent.functions(held=held)) is not None:
                functions, held = found
                catalogue.replace(functions, mark=held)
            silent = False
        except AgentUnavailable as error:
            if not silent:
                logger.warning("the catalogue is not renewed: %s", error)
            silent = True
        await asyncio.sleep(every_s if catalogue.loaded else FIRST_RETRY_S)
