"""Finding the uplink requests in what a zone sends to its parent on one connection."""

UPLINK = b"POST /v1/mdms/uplink "


class UplinkPosts:
    """Follows the requests of a keep-alive connection, whose bodies have a Content-Length."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._is_uplink = False
        self._unanswered = False

    def passed(self, data: bytes) -> bool:
        """Take the next bytes of the child's; tell whether an uplink request ended in them."""
        ended = False
        while data or self._left:
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
                data = data[taken:]
                if self._left:
                    return ended
                ended |= self._end()
                continue
            head, blank, data = (self._head + data).partition(b"\r\n\r\n")
            if not blank:
                self._head = head
                return ended
            self._head = b""
            self._begin(head)
            if not self._left:
                ended |= self._end()
        return ended

    def answered(self) -> bool:
        """Tell, when the parent sends something, whether it answers an uplink request."""
        answered, self._unanswered = self._unanswered, False
        return answered

    def _begin(self, head: bytes) -> None:
        self._is_uplink = head.startswith(UPLINK)
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        self._left = int(fields.get(b"content-length", b"0"))

    def _end(self) -> bool:
        self._unanswered = self._is_uplink
        return self._is_uplink
