"""A head-end's exchange with the zone's clock, for all its meters at once."""

import http.client
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from meter_emulator.meter_clocks import Micros
from meter_emulator.problem import problem_name
from meter_emulator.wire import Address

PATH: Final = "/v1/clock_sync/exchange"
METERS_AT_ONCE: Final = 10_000
# Timestamps of both sides are whole microseconds.
READING_US: Final = 2.0


class ExchangeFailed(Exception):
    """The zone did not tell the time; says why."""


class _Told(msgspec.Struct, frozen=True):
    t2_us: int
    t3_us: int
    synchronised: bool
    root_delay_us: int
    root_dispersion_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What each clock lacks, and how far that may be from the truth: both (meters,)."""

    offset_us: Micros
    distance_us: Micros


def system_us() -> int:
    """This machine's time, which the emulator takes for the true one."""
    return time.time_ns() // 1000


class ClockExchange:
    """One connection to the zone's gateway; a question waits `answer_s` at most."""

    def __init__(
        self,
        connection: http.client.HTTPConnection,
        *,
        key: str,
        now_us: Callable[[], int] = system_us,
    ) -> None:
        self._connection = connection
        self._headers = {
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            "user-agent": "gridfaas-meter-emulator",
        }
        self._now_us = now_us

    def measure(self, error_us: Micros, *, tolerance_ppm: float) -> Measured:
        """Ask the time for meters whose clocks are `error_us` (meters,) ahead.

        Raises:
            ExchangeFailed: there is no answer, or one that is not to be used.
        """
        parts = [
            self._part(error_us[begin : begin + METERS_AT_ONCE], tolerance_ppm)
            for begin in range(0, len(error_us), METERS_AT_ONCE)
        ]
        return Measured(
            offset_us=np.concatenate([part.offset_us for part in parts]),
            distance_us=np.concatenate([part.distance_us for part in parts]),
        )

    def _part(self, error_us: Micros, tolerance_ppm: float) -> Measured:
        ahead: NDArray[np.int64] = np.rint(error_us).astype(np.int64)
        began_ns = time.monotonic_ns()
        t1 = self._now_us() + ahead
        told = self._told(msgspec.json.encode({"t1_us": t1.tolist()}))
        # Counted on from t1: a machine's clock may be set in the meantime.
        waited_us = (time.monotonic_ns() - began_ns) // 1000
        t4 = t1 + waited_us
        kept_us = told.t3_us - told.t2_us
        # RFC 5905 section 8.
        offset_us = ((told.t2_us - t1) + (told.t3_us - t4)) / 2
        distance_us = (
            max(waited_us - kept_us, 1) / 2
            + READING_US
            + waited_us * tolerance_ppm / 1e6
            + told.root_delay_us / 2
            + told.root_dispersion_us
        )
        return Measured(
            offset_us=offset_us.astype(np.float64), distance_us=np.full(len(t1), distance_us)
        )

    def _told(self, body: bytes) -> _Told:
        try:
            self._connection.request("POST", PATH, body, self._headers)
            answer = self._connection.getresponse()
            payload = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise ExchangeFailed("no-answer") from error
        if answer.status != http.client.OK:
            raise ExchangeFailed(problem_name(answer.status, payload))
        try:
            told = msgspec.json.decode(payload, type=_Told)
        except msgspec.DecodeError as error:
            raise ExchangeFailed("unreadable-answer") from error
        if not told.synchronised:
            raise ExchangeFailed("unsynchronised")
        return told


@contextmanager
def connected(address: Address, *, key: str, answer_s: float) -> Iterator[ClockExchange]:
    """Give an exchange with the gateway at `address` for the length of a block."""
    connection: http.client.HTTPConnection
    if address.tls:
        connection = http.client.HTTPSConnection(
            address.host, address.port, timeout=answer_s, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(address.host, address.port, timeout=answer_s)
    try:
        yield ClockExchange(connection, key=key)
    finally:
        connection.close()
