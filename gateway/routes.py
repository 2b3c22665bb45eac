"""Which part of the gateway answers to a path."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.asgi import Receive, Scope, Send

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """`own` paths as they stand, all below `control_prefix`, and functions for all others."""

    own: Mapping[str, Application]
    control_prefix: str
    control: Application
    functions: Application

    def find(self, path: str) -> Application:
        """Return the part that answers; there always is one."""
        found = self.own.get(path)
        if found is not None:
            return found
        return self.control if path.startswith(self.control_prefix) else self.functions
