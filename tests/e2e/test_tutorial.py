"""The tutorial as a newcomer pastes it: every line of it, in order, in one shell."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import Commands
from tests.e2e.free_ports import free_ports

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "deploy" / "tutorial" / "README.md"
LINES = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DESIGN_PORT = 8081

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def lab() -> Iterator[tuple[Commands, int]]:
    """A lab that is up, and its first port."""
    with tempfile.TemporaryDirectory(prefix="gf-e2e-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        commands, port = Commands(Path(folder)), free_ports(6)
        with commands.up("--json", "--meters", "20", "--first-port", str(port)) as process:
            assert process.stdout is not None
            assert process.stdout.readline(), process.communicate()[1]
            yield commands, port


def test_every_line_of_the_tutorial_does_what_it_says(
    lab: tuple[Commands, int], tmp_path: Path
) -> None:
    commands, port = lab
    text = TUTORIAL.read_text()
    for number in range(4):
        text = text.replace(f"127.0.0.1:{DESIGN_PORT + number}", f"127.0.0.1:{port + number}")
    # The virtual environment need not be the clone's.
    text = text.replace("$PWD/.venv/bin", str(Path(sys.executable).parent))
    text = text.replace('$(dirname "$(command -v gridfaas)")/../..', str(ROOT))
    blocks = LINES.findall(text)
    assert len(blocks) > 10
    script = "set -euo pipefail\n" + "echo '=== next'\n".join(blocks)

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**commands.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert said.count("2 passed") == 2
    for zone in ("zone-1", "zone-2", "zone-3a", "zone-3b"):
        assert re.search(rf"{zone} +ready +v1 serves", said)
    assert '"energy":' in said
    assert '"zone":"zone-3a"' in said
    assert '"zone":"zone-1"' in said
    assert '"state":"done"' in said
    assert "looked intervals=96" in said
    assert "version 2 of day-peak is deployed" in said
    assert said.count('"unit":"watt hours"') == 1
    assert "version 1 of day-peak is in force" in said
    assert re.search(r"day-peak +zone-3a +- +2 calls", said)
    assert re.search(r"day-peak +zone-3a +async +1 calls", said)
    assert "total 0.00 USD by price list 2026-01\n" in said
    dearer = re.search(r"total (0\.[0-9]{6}) USD by price list 2026-01 in dearer\.yaml", said)
    assert dearer is not None
    assert float(dearer[1]) > 0
    assert "proven: " in said
    assert "basra-power," in said
    assert "function day-peak is removed" in said
