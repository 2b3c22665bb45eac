"""What the commands that send a measured load share: options, the requests' head, counts."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from meter_emulator.measured_bodies import FORMS, Measured
from meter_emulator.wire import Address, post_head

OUTCOMES: Final = ("accepted", "duplicate", "corrected", "rejected")
_PATH: Final = "/v1/mdms/readings"


class Counts(msgspec.Struct):
    """Readings of an answered body by their outcome."""

    accepted: int = 0
    duplicate: int = 0
    corrected: int = 0
    rejected: int = 0


_counts = msgspec.json.Decoder(Counts)


def read_counts(answer: bytes) -> Counts:
    """What an answer with status 200 says of its readings.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _counts.decode(answer)


def load_parser(
    description: str | None, *, shapes: Sequence[str], per_body: int, connections: int
) -> argparse.ArgumentParser:
    """Options of a load, with their defaults, and where it is sent; `load_of` reads them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--form", choices=FORMS, default="series")
    parser.add_argument("--shape", choices=shapes, default="live")
    parser.add_argument("--meters", type=int, required=True)
    parser.add_argument("--first-s", type=int, required=True, help="midnight UTC, Unix seconds")
    parser.add_argument("--skip", type=int, default=0, help="readings that were sent before")
    parser.add_argument("--readings", type=int, required=True)
    parser.add_argument("--per-body", type=int, default=per_body)
    parser.add_argument("--connections", type=int, default=connections)
    return parser


def load_of(given: argparse.Namespace) -> Measured:
    """The load that the options name."""
    return Measured(
        form=given.form,
        shape=given.shape,
        meters=given.meters,
        first_s=given.first_s,
        skip=given.skip,
        readings=given.readings,
        per_body=given.per_body,
    )


def readings_head(*, url: str, key: str) -> bytes:
    """The part of a request that is the same for every body."""
    return post_head(
        address=Address.of(url),
        path=_PATH,
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
