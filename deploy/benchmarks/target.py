"""What the ingest benchmark sends readings to: one zone, or all of them in a row."""

from pathlib import Path
from typing import Protocol

import psutil


class Target(Protocol):
    """Where readings are posted, and when they have arrived."""

    @property
    def url(self) -> str:
        """The gateway that meters speak to."""

    @property
    def key_file(self) -> Path:
        """The tenant's key."""

    @property
    def version(self) -> str:
        """The version of its Valkey or Redis."""

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The processes by what they do."""

    def every_process(self) -> list[psutil.Process]:
        """The processes with all that they have started, by whatever name."""

    def arrived(self) -> bool:
        """Tell whether all that was acknowledged is where this target takes it."""

    def clear(self) -> None:
        """Take away what the next step does not need, outside of any measurement."""
