"""The SNTP server of a zone: a UDP socket, bound again when it is lost."""

import asyncio
import logging
from typing import Any, Final, cast

from functions.clock_sync.metrics import ClockMetrics
from functions.clock_sync.ntp_packet import (
    MalformedPacket,
    read_question,
    write_answer,
    write_rate_kiss,
)
from functions.clock_sync.sntp_answer import answer_of
from functions.clock_sync.source_rates import SourceRates, Verdict
from functions.clock_sync.zone_clock import ZoneClock

BIND_AGAIN_S: Final = 5.0

logger = logging.getLogger(__name__)


class SntpServer:
    """Serves one address until cancelled; `address` is where, None while nowhere."""

    def __init__(
        self, *, clock: ZoneClock, rates: SourceRates, metrics: ClockMetrics, host: str, port: int
    ) -> None:
        self._clock = clock
        self._rates = rates
        self._metrics = metrics
        self._host = host
        self._port = port
        self.address: tuple[str, int] | None = None

    async def run(self) -> None:
        """Serve, and bind again every `BIND_AGAIN_S` while the port is somebody else's."""
        told = False
        while True:
            try:
                await self._serve()
            except OSError as error:
                if not told:
                    logger.warning("no SNTP on %s port %d: %s", self._host, self._port, error)
                told = True
            else:
                told = False
            await asyncio.sleep(BIND_AGAIN_S)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[None] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Exchange(self, lost), local_addr=(self._host, self._port)
        )
        name = transport.get_extra_info("sockname")
        self.address = (name[0], name[1])
        self._metrics.sntp(up=True)
        try:
            await lost
        finally:
            self.address = None
            self._metrics.sntp(up=False)
            transport.close()

    def answer(self, packet: bytes, source: str) -> bytes | None:
        """Return what `source` is to be sent back; None for what is dropped without a word."""
        receive_us, steady_us = self._clock.now_us(), self._clock.steady_us()
        try:
            question = read_question(packet)
        except MalformedPacket:
            self._metrics.packet("malformed")
            return None
        verdict = self._rates.judge(source, now_s=steady_us / 1e6)
        if verdict is Verdict.DROP:
            self._metrics.packet("dropped")
            return None
        if verdict is Verdict.KISS:
            self._metrics.packet("rate")
            return write_rate_kiss(question)
        standing = self._clock.standing()
        self._metrics.packet("answered" if standing.synchronised else "unsynchronised")
        transmit_us = receive_us + self._clock.steady_us() - steady_us
        return write_answer(
            question, answer_of(standing, receive_us=receive_us, transmit_us=transmit_us)
        )


class _Exchange(asyncio.DatagramProtocol):
    def __init__(self, server: SntpServer, lost: "asyncio.Future[None]") -> None:
        self._server = server
        self._lost = lost
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        answer = self._server.answer(data, str(addr[0]))
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)
