"""What an operator's tools ask a gateway: is it alive, is it ready."""

import msgspec

from gateway.agent_client import AgentClient
from gateway.asgi import Receive, Scope, Send, send_whole
from gateway.catalogue import Catalogue
from gateway.ledger.log import LedgerLog
from gateway.snapshot_watch import SnapshotWatch

JSON = b"application/json"


class Health:
    """Answers `PATHS`, to anyone: nothing here names a person, a key or a meter."""

    PATHS = frozenset({"/healthz", "/readyz"})

    def __init__(
        self,
        *,
        snapshots: SnapshotWatch,
        catalogue: Catalogue,
        agent: AgentClient,
        ledger: LedgerLog,
    ) -> None:
        self._snapshots = snapshots
        self._catalogue = catalogue
        self._agent = agent
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET (any other method gets the same answer)."""
        status, body = 200, b'{"alive":true}'
        if scope["path"] == "/readyz":
            missing = await self._missing()
            status = 503 if missing else 200
            body = msgspec.json.encode({"ready": not missing, "missing": missing})
        await send_whole(send, status=status, headers=[(b"content-type", JSON)], body=body)

    async def _missing(self) -> list[str]:
        missing = []
        if not self._snapshots.loaded:
            missing.append("snapshot")
        if not self._catalogue.loaded:
            missing.append("catalogue")
        if not await self._agent.answers():
            missing.append("agent")
        if not self._ledger.writable:
            missing.append("ledger")
        return missing
