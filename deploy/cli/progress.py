"""Steps and a progress bar on standard error."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class ReadingsColumn(ProgressColumn):
    """How many readings of how many, and how many a second."""

    def render(self, task: Task) -> Text:
        """Return the column's text."""
        pace = f"  {task.speed:,.0f}/s" if task.speed else ""
        return Text(f"{task.completed:,.0f} of {task.total or 0:,.0f} readings{pace}")


class ShownProgress:
    """A reporter for people: a line a step, and a bar while a step counts."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        """Nothing is shown before the first step."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self.finished()

    def step(self, text: str) -> None:
        """Print the step."""
        self.finished()
        self._console.print(f"- {text}", markup=False, soft_wrap=True)

    def progress(self, done: int, total: int) -> None:
        """Move the bar."""
        # Without a terminal a bar is noise in somebody's log.
        if not self._console.is_terminal:
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn(" "),
                BarColumn(20),
                ReadingsColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total)

    def finished(self) -> None:
        """Take the bar away: a terminal that is drawn to cannot be copied from."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
