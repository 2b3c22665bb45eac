"""Bodies of posts are unpacked whole, within their bound, or refused."""

import pytest
import zstandard

from functions.runtime.uplink_body import MAX_UNPACKED_BYTES, UnpackedTooLarge, unpack
from storage.model.uplink import UplinkUnreadable

BODY = b"readings " * 20_000


@pytest.mark.parametrize("says_its_size", [True, False])
def test_a_packed_body_comes_out_whole(says_its_size: bool) -> None:
    packed = zstandard.ZstdCompressor(write_content_size=says_its_size).compress(BODY)

    assert unpack(packed, encoding="zstd") == BODY


@pytest.mark.parametrize("says_its_size", [True, False])
def test_an_empty_body_is_empty(says_its_size: bool) -> None:
    packed = zstandard.ZstdCompressor(write_content_size=says_its_size).compress(b"")

    assert unpack(packed, encoding="zstd") == b""


@pytest.mark.parametrize("says_its_size", [True, False])
def test_a_body_that_would_be_too_large_is_refused(says_its_size: bool) -> None:
    packed = zstandard.ZstdCompressor(write_content_size=says_its_size).compress(
        bytes(MAX_UNPACKED_BYTES + 1)
    )

    with pytest.raises(UnpackedTooLarge):
        unpack(packed, encoding="zstd")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(BODY, id="not_packed"),
        pytest.param(zstandard.compress(BODY)[:-4], id="cut_off"),
    ],
)
def test_what_is_not_zstd_is_refused(body: bytes) -> None:
    with pytest.raises(UplinkUnreadable):
        unpack(body, encoding="zstd")


def test_a_body_that_is_not_packed_stays_as_it_is() -> None:
    assert unpack(BODY, encoding="identity") is BODY
