"""Handing a message to mdms through the zone's gateway, until it is durable or time is up."""

import asyncio
import random
import re
from collections.abc import Callable
from typing import Final

import msgspec

from functions.mqtt_intake.message import Message, Reply
from functions.mqtt_intake.settings import IntakeSettings
from functions.runtime.http_line import Answer, NoAnswer
from functions.runtime.http_lines import HttpLines
from functions.runtime.problem import MEDIA_TYPE, Problem

READINGS: Final = "/v1/mdms/readings"
MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
_JSON: Final = "application/json"
_LATER: Final = frozenset({429, 502, 503, 504})
_FIELD: Final = re.compile(r"[\x20-\x7e]{1,200}")


class HandingOver:
    """`POST /v1/mdms/readings` with the tenant's key; what fails for a while is tried again."""

    def __init__(self, lines: HttpLines, *, key: str, settings: IntakeSettings) -> None:
        self._lines = lines
        self._key = key
        self._settings = settings

    async def post(self, message: Message, *, retried: Callable[[], None]) -> Reply:
        """Return mdms's answer, or a problem when none could be had in time.

        A status below 300 means durable; of anything else the sender decides. `retried` is told of
        each further try.
        """
        faults = [
            name
            for name, value in (("content type", message.content_type), ("coding", message.coding))
            if value is not None and not _FIELD.fullmatch(value)
        ]
        if faults:
            return _problem(415, "unsupported-media-type", f"the {faults[0]} is not plain text")
        within_s = self._settings.answer_within_s
        if message.expires_s is not None:
            within_s = min(within_s, max(float(message.expires_s), 1.0))
        last = "no try ended"
        failures = 0
        try:
            async with asyncio.timeout(within_s) as limit:
                while True:
                    left_s = (limit.when() or 0.0) - asyncio.get_running_loop().time()
                    wait_s = 0.0
                    try:
                        answer = await self._lines.ask(
                            self._head(message, left_s=left_s), message.body
                        )
                        if answer.status not in _LATER:
                            return _reply(answer)
                        last = _detail(answer)
                        wait_s = _retry_after_s(answer)
                    except NoAnswer as error:
                        last = str(error)
                    failures += 1
                    await asyncio.sleep(max(wait_s, self._pause_s(failures)))
                    retried()
        except TimeoutError:
            detail = f"not durable after {within_s:g} s: send it again ({last})"
            return _problem(504, "deadline-exceeded", detail)

    def _pause_s(self, failures: int) -> float:
        longest_s = min(
            self._settings.longest_retry_s,
            self._settings.first_retry_s * 2.0 ** min(failures - 1, 20),
        )
        return longest_s * (0.5 + 0.5 * random.random())

    def _head(self, message: Message, *, left_s: float) -> bytes:
        headers = {
            "host": self._lines.host,
            "authorization": f"Bearer {self._key}",
            "content-type": message.content_type or _JSON,
            "content-length": str(len(message.body)),
            "x-timeout-ms": str(max(1, int(left_s * 1000))),
        }
        if message.coding is not None:
            headers["content-encoding"] = message.coding
        lines = [f"POST {READINGS} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _reply(answer: Answer) -> Reply:
    return Reply(
        status=answer.status,
        content_type=answer.headers.get("content-type", _JSON),
        body=answer.body,
    )


def _problem(status: int, slug: str, detail: str) -> Reply:
    problem = Problem(status=status, slug=slug, detail=detail)
    return Reply(status=status, content_type=MEDIA_TYPE, body=problem.body(request_id=""))


def _detail(answer: Answer) -> str:
    try:
        said = msgspec.json.decode(answer.body, type=dict[str, object])
    except msgspec.DecodeError:
        said = {}
    return f"{answer.status} {said.get('detail', '')}".rstrip()


def _retry_after_s(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isdigit() and len(text) < 6 else 0.0
