"""A tenant of the containers: its key, its functions, and the containers that these run in."""

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from storage.platform.functions.bundle import BundleFile, pack_bundle
from tests.e2e.compose_stack import Stack, docker

PATIENCE_S = 60.0
ZONES = {"zone-1": "ZONE_1_PORT", "zone-2": "ZONE_2_PORT", "zone-3a": "ZONE_3A_PORT"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """Whoever has the tenant's key, at the published ports."""

    stack: Stack
    slug: str
    key: str

    def ask(self, zone: str, method: str, path: str, **more: Any) -> httpx.Response:
        """One request to a zone's gateway."""
        headers = {"authorization": f"Bearer {self.key}"} | more.pop("headers", {})
        url = f"http://127.0.0.1:{self.stack.environment[ZONES[zone]]}{path}"
        more = {"timeout": 60.0, "trust_env": False} | more
        return httpx.request(method, url, headers=headers, **more)

    def deploy(self, name: str, *, handler: str, spec: str = "") -> None:
        """Deploy a function to every zone that its specification names."""
        files = {"function.yaml": f"name: {name}\n{spec}", "handler.py": handler}
        answer = self.ask(
            *("zone-1", "POST", "/v1/platform/functions"),
            content=pack_bundle(
                [BundleFile(path=path, content=text.encode()) for path, text in files.items()]
            ),
            headers={"content-type": "application/gzip"},
        )
        # 200: it is deployed already.
        assert answer.status_code in (200, 201), answer.text

    def call(self, zone: str, name: str, body: Any = None) -> Any:
        """Call a function until it answers, and return its JSON."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self.ask(zone, "POST", f"/function/{name}", content=json.dumps(body))
                if answer.is_success:
                    return answer.json()
                trouble = answer.text
            except httpx.HTTPError as error:
                trouble = repr(error)
            assert time.monotonic() < deadline, trouble
            time.sleep(0.2)

    def containers(self, zone: str) -> list[dict[str, Any]]:
        """What the engine says of this tenant's containers in a zone."""
        labels = {
            "gridfaas.installation": self.stack.project,
            "gridfaas.zone": zone,
            "gridfaas.tenant": self.slug,
        }
        filters = [f"--filter=label={name}={value}" for name, value in labels.items()]
        ids = docker("ps", "--all", "--quiet", "--no-trunc", *filters).split()
        found: list[dict[str, Any]] = json.loads(docker("inspect", *ids)) if ids else []
        return found


def tenants(stack: Stack) -> list[Tenant]:
    """Everybody who has a key of this stack, by what a user is shown."""
    shown = stack.done("run", "--rm", "-T", "keys").split("\n\n")[0].splitlines()
    rows = [line.split() for line in shown if not line.startswith("platform admin")]
    return [Tenant(stack=stack, slug=slug, key=key) for slug, key in rows]
