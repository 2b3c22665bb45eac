"""How often Python looks for cycles of garbage in a worker: calls leave hardly any behind."""

from typing import Final

RARELY: Final = (20_000, 20, 20)
"""Python's own first threshold is 700 objects: a fleet's answer meets it hundreds of times."""
