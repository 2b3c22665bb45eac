import struct
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.clock_sync.ntp_packet import (
    Answer,
    MalformedPacket,
    Question,
    read_question,
    reference_id,
    short_format,
    timestamp,
    write_answer,
    write_rate_kiss,
)

ERA_1_US = int(datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC).timestamp()) * 1_000_000
FROM_CLIENT = bytes([0b00_100_011, 0, 6, 0xEC]) + bytes(36) + (0x0123456789ABCDEF).to_bytes(8)


ANSWER = Answer(
    leap=0,
    stratum=3,
    root_delay_us=500_000.0,
    root_dispersion_us=250_000.0,
    reference_id=b"abcd",
    reference_us=1_000_000,
    receive_us=2_000_000,
    transmit_us=2_500_000,
)


def test_a_clients_question_is_read() -> None:
    assert read_question(FROM_CLIENT) == Question(version=4, poll=6, transmit=0x0123456789ABCDEF)


def test_an_answer_is_laid_out_as_in_the_rfc() -> None:
    packet = write_answer(Question(version=4, poll=6, transmit=7), ANSWER)

    assert len(packet) == 48
    assert packet[:4] == bytes([0b00_100_100, 3, 6, 256 - 20])
    assert struct.unpack(">II4s", packet[4:16]) == (0x8000, 0x4000, b"abcd")
    reference, origin, receive, transmit = struct.unpack(">QQQQ", packet[16:])
    assert origin == 7
    assert reference == (2_208_988_800 + 1) << 32
    assert receive == (2_208_988_800 + 2) << 32
    assert transmit - receive == 1 << 31


@pytest.mark.parametrize(
    "packet",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(FROM_CLIENT[:47], id="cut_off"),
        pytest.param(FROM_CLIENT + b"x", id="not_whole_words"),
        pytest.param(bytes([0b00_100_100]) + FROM_CLIENT[1:], id="a_server"),
        pytest.param(bytes([0b00_100_001]) + FROM_CLIENT[1:], id="a_symmetric_peer"),
        pytest.param(bytes([0b00_100_110]) + FROM_CLIENT[1:], id="control"),
        pytest.param(bytes([0b00_000_011]) + FROM_CLIENT[1:], id="version_0"),
        pytest.param(bytes([0b00_101_011]) + FROM_CLIENT[1:], id="version_5"),
    ],
)
def test_what_is_no_question_is_refused(packet: bytes) -> None:
    with pytest.raises(MalformedPacket):
        read_question(packet)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_answer_is_of_the_version_of_its_question(version: int) -> None:
    question = read_question(bytes([version << 3 | 3]) + FROM_CLIENT[1:])

    assert write_answer(question, ANSWER)[0] >> 3 & 7 == version


def test_a_kiss_names_the_rate_and_the_question() -> None:
    packet = write_rate_kiss(Question(version=4, poll=6, transmit=7))

    assert (packet[0], packet[1], packet[12:16]) == (0b11_100_100, 0, b"RATE")
    assert struct.unpack(">Q", packet[24:32]) == (7,)


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_timestamp_counts_seconds_since_1900_in_its_era(instant_us: int) -> None:
    stamp = timestamp(instant_us)

    exact = Fraction(instant_us, 1_000_000) + 2_208_988_800
    assert 0 <= exact - Fraction(stamp, 2**32) - 2**32 * (exact // 2**32) < Fraction(1, 2**32)


def test_eras_change_in_2036() -> None:
    assert timestamp(ERA_1_US) == 0
    assert timestamp(ERA_1_US - 1_000_000) >> 32 == 2**32 - 1


@pytest.mark.parametrize(
    ("micros", "short"),
    [(0, 0), (1, 1), (1_000_000, 65_536), (1e15, 2**32 - 1)],
    ids=["nothing", "rounded_up", "a_second", "no_more_than_fits"],
)
def test_short_format(micros: float, short: int) -> None:
    assert short_format(micros) == short


def test_zones_have_reference_ids_of_their_own() -> None:
    assert reference_id(None) == b"LOCL"
    assert len({reference_id("zone-1"), reference_id("zone-2"), b"LOCL"}) == 3
    assert len(reference_id("zone-1")) == 4
