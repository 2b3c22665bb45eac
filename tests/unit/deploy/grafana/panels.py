"""What the dashboards ask of Prometheus, read from their files."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[4]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
VARIABLE = re.compile(r"\$(?!__)\{?(\w+)\}?")


@dataclass(frozen=True, slots=True)
class Question:
    """One expression: of a panel, with the labels of its legend, or of a variable."""

    dashboard: str
    panel: str
    expression: str
    labels: frozenset[str]

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}"

    def asked_for_all(self) -> str:
        """The expression as Grafana asks it with every variable at `All`."""
        return VARIABLE.sub(".*", self.expression.replace("$__rate_interval", "1m"))


def dashboards() -> dict[str, dict[str, Any]]:
    """Every dashboard by the name of its file."""
    return {path.stem: json.loads(path.read_text()) for path in DASHBOARDS}


def questions() -> Iterator[Question]:
    """Every question of every dashboard."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                labels = frozenset(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                yield Question(name, panel["title"], target["expr"], labels)
        for variable in dashboard["templating"]["list"]:
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found, variable
            yield Question(name, f"${variable['name']}", found[1], frozenset({found[2]}))
