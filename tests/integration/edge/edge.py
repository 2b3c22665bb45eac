"""How a test talks to the edge: whole requests, and bytes as they are."""

import itertools
import json
import re
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from tests.integration.zones.agent_process import Agent

ACME, ZONE = "gf_acme", "gf_zone3a"
METERS = ("m-1", "m-2")
REGISTER = "1-0:1.8.0"
READINGS = "/v1/mdms/readings"
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
JSON = {"content-type": "application/json"}

_instants = itertools.count()


def instant() -> str:
    """An interval's start that no test used before."""
    return _text(FIRST + timedelta(seconds=900 * next(_instants)))


def series(*values: Any, start: str, meter_id: Any = METERS[0], **more: Any) -> dict[str, Any]:
    """One meter's run."""
    return {
        "meter_id": meter_id,
        "register": REGISTER,
        "interval_s": 900,
        "start": start,
        "values": list(values),
        **more,
    }


@dataclass(slots=True)
class Edge:
    """The zone's processes and its gateway's port."""

    agent: Agent
    gateway: subprocess.Popen[bytes]
    port: int
    first_worker: int = field(default=0)

    @property
    def url(self) -> str:
        """The gateway's address."""
        return f"http://127.0.0.1:{self.port}"

    def worker(self) -> int:
        """The process of the tenant's mdms."""
        (pid,) = [
            one["pid"]
            for one in self.agent.instances()
            if (one["tenant"], one["function"]) == ("acme", "mdms")
        ]
        return int(pid)

    def note_processes(self) -> None:
        """Remember who serves now."""
        self.first_worker = self.worker()

    def post(
        self, body: bytes | Any, *, headers: Mapping[str, str] = JSON, path: str = READINGS
    ) -> httpx.Response:
        """Send readings, as JSON unless they are bytes already."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(
            self.url + path,
            content=content,
            headers={"authorization": f"Bearer {ACME}", **headers},
            timeout=60,
        )

    def stored(self, start: str, *, meter_id: str = METERS[0]) -> int | None:
        """The value that the edge holds of an interval."""
        end = _text(datetime.fromisoformat(start) + timedelta(seconds=900))
        answer = httpx.get(
            self.url + READINGS,
            params={"meter_id": meter_id, "register": REGISTER, "from": start, "to": end},
            headers={"authorization": f"Bearer {ACME}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        values = [value for part in answer.json()["series"] for value in part["values"]]
        return values[0] if values else None

    def accepts_a_good_reading(self) -> bool:
        """Whether readings go on as if nothing had been."""
        start = instant()
        answer = self.post({"series": [series(7, start=start)]})
        return (answer.status_code, answer.json()["accepted"], self.stored(start)) == (200, 1, 7)

    def raw(self, *data: bytes) -> bytes:
        """Send bytes as they are and return all that comes until the gateway closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=40) as connection:
            for piece in data:
                connection.sendall(piece)
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
            return answer


def statuses(answer: bytes) -> list[int]:
    """The statuses of all answers in what a connection brought."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


def slug(problem: Mapping[str, Any]) -> str:
    """The last part of a problem's type."""
    return str(problem["type"]).removeprefix("urn:gridfaas:problem:")


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
