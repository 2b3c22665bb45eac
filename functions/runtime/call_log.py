"""A function's own log: a message, its level, and fields that can be searched."""

import logging
from typing import Any

_logger = logging.getLogger("function")


class CallLog:
    """Writes to the function's log; each entry carries the id of the call that wrote it."""

    def debug(self, message: str, /, **fields: Any) -> None:
        """Write what helps to find a fault; left out unless the log is set to it."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, /, **fields: Any) -> None:
        """Write what happened."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, /, **fields: Any) -> None:
        """Write what somebody should look at."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, /, **fields: Any) -> None:
        """Write what went wrong."""
        self._write(logging.ERROR, message, fields)

    def exception(self, message: str, /, **fields: Any) -> None:
        """Write what went wrong, with the traceback of the exception being handled."""
        self._write(logging.ERROR, message, fields, traceback=True)

    def _write(
        self, level: int, message: str, fields: dict[str, Any], *, traceback: bool = False
    ) -> None:
        _logger.log(level, "%s", message, exc_info=traceback, extra={"fields": fields})
