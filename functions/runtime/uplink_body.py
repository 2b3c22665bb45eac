"""The body of a child zone's post, unpacked within a bound."""

from typing import Final

import zstandard

from storage.model.uplink import UplinkUnreadable

MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024
_MAX_WINDOW_BYTES: Final = 8 * 1024 * 1024


class UnpackedTooLarge(ValueError):
    """The body is larger than allowed once it is unpacked."""

    def __init__(self) -> None:
        super().__init__(f"the body unpacks to more than {MAX_UNPACKED_BYTES} bytes")
        self.members = {"limit": MAX_UNPACKED_BYTES}


def unpack(body: bytes, *, encoding: str) -> bytes:
    """Undo the content encoding, `zstd` or `identity`.

    Raises:
        UnpackedTooLarge: more than `MAX_UNPACKED_BYTES` would come out.
        UplinkUnreadable: the body is not zstd.
    """
    if encoding != "zstd":
        return body
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    try:
        if 0 < zstandard.frame_content_size(body) <= MAX_UNPACKED_BYTES:
            # The size is said, so it is unpacked in one step; what comes out cannot be larger.
            return decompressor.decompress(body)
        with decompressor.stream_reader(body) as reader:
            unpacked = reader.read(MAX_UNPACKED_BYTES + 1)
    except zstandard.ZstdError as error:
        raise UplinkUnreadable(f"not zstd: {error}") from error
    if len(unpacked) > MAX_UNPACKED_BYTES:
        raise UnpackedTooLarge
    return unpacked
