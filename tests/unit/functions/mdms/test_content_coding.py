"""Content codings: what comes out, and that neither a bomb nor a stump does."""

import gzip

import pytest
import zstandard

from functions.mdms.content_coding import MAX_MEMBERS, BadCoding, decode
from functions.mdms.request_body import BodyTooLarge

TEXT = b"A,1-0:1.8.0,2026-01-01T00:00:00Z,104,900,14\n" * 9_000


def zstd(text: bytes, **options: bool) -> bytes:
    return zstandard.ZstdCompressor(**options).compress(text)


GZIP, ZSTD = gzip.compress(TEXT), zstd(TEXT)


@pytest.mark.parametrize(
    ("coding", "body", "text"),
    [
        pytest.param("identity", TEXT, TEXT, id="identity"),
        pytest.param("gzip", GZIP, TEXT, id="gzip"),
        pytest.param("gzip", GZIP + GZIP, TEXT + TEXT, id="two_members"),
        pytest.param("gzip", gzip.compress(b""), b"", id="gzip_of_nothing"),
        pytest.param("zstd", ZSTD, TEXT, id="zstd"),
        pytest.param("zstd", ZSTD + ZSTD, TEXT + TEXT, id="two_frames"),
        pytest.param("zstd", zstd(TEXT, write_checksum=True), TEXT, id="zstd_with_checksum"),
        pytest.param("zstd", zstd(TEXT, write_content_size=False), TEXT, id="zstd_of_no_size"),
        pytest.param("zstd", zstd(b""), b"", id="zstd_of_nothing"),
        pytest.param("zstd", zstd(b"a" * 9_000), b"a" * 9_000, id="zstd_run_of_one_byte"),
    ],
)
def test_a_coding_is_undone(coding: str, body: bytes, text: bytes) -> None:
    assert decode(body, coding=coding, limit=len(TEXT) * 2) == text


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        pytest.param("gzip", gzip.compress(bytes(50_000_000)), id="gzip"),
        pytest.param("zstd", zstd(bytes(50_000_000)), id="zstd"),
        pytest.param("gzip", gzip.compress(bytes(600)) * 2, id="two_members"),
        pytest.param("zstd", zstd(bytes(600)) * 2, id="two_frames"),
    ],
)
def test_a_bomb_is_too_large(coding: str, bomb: bytes) -> None:
    with pytest.raises(BodyTooLarge) as caught:
        decode(bomb, coding=coding, limit=1_000)

    assert caught.value.members == {"limit": 1_000}


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param("gzip", TEXT, id="no_gzip"),
        pytest.param("gzip", b"", id="gzip_empty"),
        pytest.param("gzip", GZIP[:-1], id="gzip_cut_off"),
        pytest.param("gzip", GZIP + b"more", id="gzip_and_more"),
        pytest.param("zstd", TEXT, id="no_zstd"),
        pytest.param("zstd", b"", id="zstd_empty"),
        pytest.param("zstd", ZSTD[:5], id="zstd_head_cut_off"),
        pytest.param("zstd", ZSTD[:-1], id="zstd_cut_off"),
        pytest.param("zstd", zstd(TEXT, write_checksum=True)[:-2], id="checksum_cut_off"),
        pytest.param("zstd", ZSTD + b"more", id="zstd_and_more"),
    ],
)
def test_what_breaks_off_or_is_not_of_the_coding_is_refused(coding: str, body: bytes) -> None:
    with pytest.raises(BadCoding):
        decode(body, coding=coding, limit=1 << 30)


def test_a_gzip_body_of_endless_empty_members_is_refused() -> None:
    body = gzip.compress(b"") * MAX_MEMBERS

    assert decode(body, coding="gzip", limit=10) == b""
    with pytest.raises(BadCoding, match="members"):
        decode(body + gzip.compress(b""), coding="gzip", limit=10)
