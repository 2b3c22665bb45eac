"""What is told about every call, at the one place where a call ends."""

from typing import Protocol

from gateway.invocation import Invocation


class Observer(Protocol):
    """Sees each call once, complete, before the last byte of its answer leaves."""

    def ended(self, call: Invocation) -> None:
        """Take note; must neither wait nor raise."""


class Account:
    """Completes a call's record and passes it to every observer, once."""

    def __init__(self, observers: list[Observer]) -> None:
        self._observers = observers

    def close(self, call: Invocation) -> None:
        """End the call; a second time changes nothing."""
        if call.ended:
            return
        call.ended = True
        call.total_s = call.elapsed_s()
        for observer in self._observers:
            observer.ended(call)
