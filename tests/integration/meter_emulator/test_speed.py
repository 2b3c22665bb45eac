"""The measuring sender against the tiny server, as the benchmark runs them."""

import json
import subprocess
import sys


def test_the_sender_is_measured_against_a_server_that_ends_with_its_starter() -> None:
    python = [sys.executable, "-W", "error", "-m"]
    with subprocess.Popen(
        [*python, "meter_emulator.tiny_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        done = subprocess.run(
            [*python, "meter_emulator.speed", "--url", url, "--seconds", "0.2"],
            capture_output=True,
            timeout=60,
            check=True,
        )
        server.communicate(timeout=30)
    figures = json.loads(done.stdout)

    assert figures["requests"] > 0
    assert figures["failures"] == 0
    assert figures["cpu_seconds"] > 0
    assert server.returncode == 0
