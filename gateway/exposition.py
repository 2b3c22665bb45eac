"""Where Prometheus reads: the gateway's own metrics, and its agent's with those of the workers.

The agent listens on a unix socket alone, which Prometheus cannot read; the gateway passes on what
it says under a path of its own, so that each of the two is up or down by itself.
"""

import hmac

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway.agent_client import AgentClient, AgentUnavailable
from gateway.asgi import Headers, Receive, Scope, Send, send_whole
from gateway.keyring import Unauthenticated
from gateway.problems import problem_body, problem_headers, problem_of
from gateway.refusal import Refusal
from gateway.request_head import request_id_of

OWN, AGENT = "/metrics", "/metrics/agent"


class Exposition:
    """Answers `PATHS` to whoever presents `key` as a bearer key; to anybody when it is None.

    Nothing here names a person, a key or a meter, but tenants and how much they call.
    """

    PATHS = frozenset({OWN, AGENT})

    def __init__(self, *, registry: CollectorRegistry, agent: AgentClient, key: str | None) -> None:
        self._registry = registry
        self._agent = agent
        self._key = None if key is None else b"Bearer " + key.strip().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET (any other method gets the same answer)."""
        try:
            self._check(scope["headers"])
            body = generate_latest(self._registry)
            if scope["path"] == AGENT:
                body = await self._agent.metrics()
        except (Unauthenticated, AgentUnavailable) as error:
            await _refuse(scope, send, error)
            return
        headers = [(b"content-type", CONTENT_TYPE_LATEST.encode())]
        await send_whole(send, status=200, headers=headers, body=body)

    def _check(self, headers: Headers) -> None:
        if self._key is None:
            return
        given = [value for name, value in headers if name == b"authorization"]
        if len(given) != 1 or not hmac.compare_digest(given[0], self._key):
            raise Unauthenticated("metrics are for the holder of this zone's metrics key")


async def _refuse(scope: Scope, send: Send, error: Refusal) -> None:
    request_id = request_id_of(scope["headers"])
    status, slug = problem_of(error)
    body = problem_body(status=status, slug=slug, detail=str(error), request_id=request_id)
    headers = problem_headers(
        status=status, request_id=request_id, retry_after_s=error.retry_after_s
    )
    await send_whole(send, status=status, headers=headers, body=body)
