import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from zones.agent.function_logs import FunctionLogs
from zones.agent.log_file import LogFile
from zones.agent.log_line import MAX_LINE_BYTES, LogLine
from zones.agent.log_rate import BURST_BYTES, LogRate

WAIT_S = 10


@pytest.fixture
async def logs(tmp_path: Path) -> AsyncIterator[FunctionLogs]:
    logs = FunctionLogs(tmp_path)
    yield logs
    logs.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is in a file
            await asyncio.sleep(0.01)


def write(logs: FunctionLogs, content: bytes, *, instance: str = "f-1") -> None:
    with logs.pipe(tenant="acme", function="f", instance=instance) as log_fd:
        os.write(log_fd, content)


def texts(logs: FunctionLogs, lines: int = 100) -> list[str]:
    return [line.text for line in logs.tail("acme", "f", lines)]


async def test_lines_are_kept_with_their_worker_and_call(logs: FunctionLogs) -> None:
    said = {"text": "odd", "call": "c-1", "level": "warning", "fields": {"meter": "m-1"}}
    write(logs, b"plain\n\x1e" + json.dumps(said).encode() + b"\nno end")
    await until(lambda: len(texts(logs)) == 3)

    plain, odd, no_end = logs.tail("acme", "f", 10)

    assert (plain.text, plain.instance, plain.call) == ("plain", "f-1", "")
    assert (odd.text, odd.call, odd.level, odd.fields) == tuple(said.values())
    assert no_end.text == "no end"
    assert plain.at.endswith("Z")


async def test_whatever_is_written_becomes_a_line(logs: FunctionLogs) -> None:
    write(logs, b'\x1e{"text": 1}\n\xff\xfe\n\n' + b"x" * (MAX_LINE_BYTES + 10) + b"\n")
    await until(lambda: len(texts(logs)) == 3)

    assert texts(logs) == ['\x1e{"text": 1}', "\ufffd\ufffd", "x" * MAX_LINE_BYTES]


async def test_functions_do_not_see_each_others(logs: FunctionLogs) -> None:
    write(logs, b"mine\n")
    await until(lambda: texts(logs))

    assert logs.tail("acme", "other", 10) == []
    assert logs.tail("basra", "f", 10) == []
    assert logs.known("acme", "f")
    assert not logs.known("basra", "f")


async def test_an_end_is_said_once_and_only_of_workers_with_a_log(logs: FunctionLogs) -> None:
    write(logs, b"last words\n")
    await until(lambda: texts(logs))

    logs.ended("f-1", "memory-limit")
    logs.ended("f-1", "memory-limit")
    logs.ended("mdms-7", "stopped")

    assert texts(logs) == ["last words", "the worker ended: memory-limit"]


async def test_a_follower_gets_the_tail_and_every_line_after_it(logs: FunctionLogs) -> None:
    write(logs, b"1\n2\n")
    await until(lambda: len(texts(logs)) == 2)
    lines = logs.follow("acme", "f", tail=1)
    heard = [(await anext(lines)).text]
    write(logs, b"3\n", instance="f-2")

    async with asyncio.timeout(WAIT_S):
        heard.append((await anext(lines)).text)
    await lines.aclose()

    assert heard == ["2", "3"]


async def test_a_slow_follower_misses_the_oldest_and_holds_nobody_up(logs: FunctionLogs) -> None:
    lines = logs.follow("acme", "f")
    first = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0)
    write(logs, b"".join(b"%d\n" % number for number in range(2_000)))
    await until(lambda: texts(logs, 1) == ["1999"])

    assert (await first).text == "1000"
    assert (await anext(lines)).text == "1001"
    await lines.aclose()


async def test_a_flood_is_cut_off_and_says_so(logs: FunctionLogs) -> None:
    line = b"y" * 1000 + b"\n"
    with logs.pipe(tenant="acme", function="f", instance="f-1") as log_fd:
        os.set_blocking(log_fd, False)
        sent = 0
        while sent < 2 * BURST_BYTES:
            try:
                sent += os.write(log_fd, line * 50)
            except BlockingIOError:
                # It waits for the agent, which lets it wait.
                if any("left out" in text for text in texts(logs, 3)):
                    break
                await asyncio.sleep(0.02)
    logs.close()

    kept = sum(path.stat().st_size for path in logs.folder.rglob("*.jsonl"))
    assert kept < 2 * BURST_BYTES


def test_a_rate_recovers_with_time() -> None:
    rate = LogRate(bytes_per_s=10, burst=100)

    assert rate.takes(100, now=50)
    assert not rate.takes(1, now=50)
    assert rate.dropped == 1
    assert rate.takes(10, now=51)
    assert not rate.takes(1, now=51)


def test_files_are_turned_over_and_the_oldest_given_up(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "f", file_bytes=1000, files=3)
    for number in range(200):
        file.append([LogLine(at="t", instance="f-1", text=f"{number:04}")])
    file.close()

    sizes = [path.stat().st_size for path in (tmp_path / "f").iterdir()]
    assert len(sizes) <= 3
    assert sum(sizes) < 3 * 1100
    kept = [int(line.text) for line in file.tail(1000)]
    assert kept == list(range(kept[0], 200))
    assert len(kept) > 20
    assert [line.text for line in file.tail(2)] == ["0198", "0199"]


def test_a_line_that_a_crash_cut_off_is_passed_over(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "f")
    file.append([LogLine(at="t", instance="f-1", text="whole")])
    file.close()
    with (tmp_path / "f" / "current.jsonl").open("ab") as stored:
        stored.write(b'{"at":"t","inst')

    assert [line.text for line in file.tail(10)] == ["whole"]
    assert file.tail(0) == []


async def test_what_nests_without_end_is_a_line_of_text_and_later_ones_are_read(
    logs: FunctionLogs,
) -> None:
    write(logs, b'\x1e{"text":"x","fields":{"a":' + b"[" * 10_000 + b"\nnext\n")
    await until(lambda: len(texts(logs)) == 2)

    assert texts(logs)[0].startswith('\x1e{"text":"x"')
    assert texts(logs)[1] == "next"


async def test_no_file_stays_open_of_a_function_without_a_worker(
    logs: FunctionLogs, tmp_path: Path
) -> None:
    def held() -> list[str]:
        links = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        return [str(at) for link in links if link.exists() and (at := link.resolve())]

    write(logs, b"said\n")
    await until(lambda: texts(logs) == ["said"])
    logs.ended("f-1", "crashed")
    await until(lambda: not logs._pipes)

    assert texts(logs) == ["said", "the worker ended: crashed"]
    assert not [path for path in held() if path.startswith(str(tmp_path))]
