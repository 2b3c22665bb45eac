"""Where a link listens, and what it stands in front of."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address."""

    host: str
    port: int

    @classmethod
    def parsed(cls, text: str) -> "Address":
        """Read `host:port`.

        Raises:
            ValueError: it is neither.
        """
        host, _, port = text.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65_535:
            raise ValueError(f"{text!r} is not host:port")
        return cls(host.strip("[]"), int(port))
