"""One run of the load: from the plan to the figures at its end."""

import asyncio
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

from meter_emulator.backlog import Backlog, Pace
from meter_emulator.bodies import Body, backfill_bodies, live_bodies
from meter_emulator.clock_day import ClockRun
from meter_emulator.clock_exchange import connected
from meter_emulator.deliveries import Deliveries, unix_midnight, whole_day
from meter_emulator.faults import apply_faults, check_rates
from meter_emulator.fleet_clocks import CLOCK_FAULT, fleet_clocks
from meter_emulator.mqtt_line import Broker, mqtt_lines
from meter_emulator.plan import Plan, TenantLoad
from meter_emulator.sender import Lines, Sender
from meter_emulator.tally import Tally
from meter_emulator.wire import Address, post, post_head

PATH = "/v1/mdms/readings"
PROGRESS_S = 0.25

Item = tuple[Tally, Body]


class TenantRun:
    """One tenant's fleet, tally and request head."""

    def __init__(
        self, *, load: TenantLoad, plan: Plan, address: Address | None, answer_s: float
    ) -> None:
        """Without an `address` bodies go as they are, not as requests of HTTP."""
        self.fleet = load.meters()
        self._slots = 86_400 // self.fleet.interval_s
        self.tally = Tally(self.fleet.series * self._slots * plan.days)
        self.faults: Counter[str] = Counter()
        self._seed = [load.seed, zlib.crc32(load.tenant.encode())]
        self._plan = plan
        self._ids = self.fleet.meter_ids()
        self._faults = dict(plan.faults)
        self.clocks: ClockRun | None = None
        if plan.clocks is not None:
            off = self._faults.pop(CLOCK_FAULT, 0.0)
            self.clocks = fleet_clocks(
                plan.clocks,
                meters=len(self._ids),
                off=off,
                at_s=unix_midnight(plan.first_day),
                seed=self._seed,
            )
        self._address = address
        self._key = load.key()
        self._answer_s = answer_s
        self._head = b"" if address is None else _head(address, self._key)

    def day(self, number: int) -> Iterator[tuple[Item, bytes, int]]:
        """Return the requests of the plan's day `number`, from 0; sorted now, encoded as taken."""
        day = self._plan.first_day + timedelta(days=number)
        registers, per_body = self.fleet.day(day), self._plan.meters_per_body
        deliveries = whole_day(
            registers=registers,
            day=day,
            interval_s=self.fleet.interval_s,
            first_cell=number * self.fleet.series * self._slots,
        )
        deliveries = self._by_their_clocks(deliveries, day)
        deliveries, touched = apply_faults(
            deliveries, rates=self._faults, seed=[*self._seed, day.toordinal()]
        )
        self.faults.update(touched)
        self.tally.lose(touched.get("gap", 0))
        cut = live_bodies if self._plan.shape == "live" else backfill_bodies
        bodies = cut(
            deliveries=deliveries,
            meter_ids=self._ids,
            registers=[one.register for one in registers],
            interval_s=self.fleet.interval_s,
            per_body=per_body,
        )
        if self._address is None:
            return (((self.tally, b), b.payload, len(b.cells)) for b in bodies)
        return (((self.tally, b), post(self._head, b.payload), len(b.cells)) for b in bodies)

    def _by_their_clocks(self, deliveries: Deliveries, day: date) -> Deliveries:
        if self.clocks is None or self._address is None:
            return deliveries
        with connected(self._address, key=self._key, answer_s=self._answer_s) as exchange:
            by_clock = self.clocks.day(
                first_s=unix_midnight(day), interval_s=self.fleet.interval_s, exchange=exchange
            )
        stamped, marked = by_clock.deliver(deliveries)
        self.clocks.marked += marked
        return stamped


def _head(address: Address, key: str) -> bytes:
    return post_head(
        address=address,
        path=PATH,
        headers={
            "authorization": f"Bearer {key}",
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": "gridfaas-meter-emulator",
        },
    )


def _in_turn(sources: list[Iterator[tuple[Item, bytes, int]]]) -> Iterator[tuple[Item, bytes, int]]:
    while sources:
        for source in list(sources):
            try:
                yield next(source)
            except StopIteration:
                sources.remove(source)


def _day(runs: list[TenantRun], number: int) -> list[Iterator[tuple[Item, bytes, int]]]:
    return [run.day(number) for run in runs]


def _requests(runs: list[TenantRun], days: int) -> Iterator[tuple[Item, bytes, int]]:
    # The next day is drawn beside the sending, so that midnight does not delay the load.
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(_day, runs, 0)
        for number in range(days):
            sources = upcoming.result()
            if number + 1 < days:
                upcoming = pool.submit(_day, runs, number + 1)
            yield from _in_turn(sources)


class LoadRun:
    """Runs a plan against a gateway or a broker. Use it once, in one event loop."""

    def __init__(
        self, *, plan: Plan, url: str = "", pace: Pace, lines: Lines, mqtt: Broker | None = None
    ) -> None:
        """Readings go to the gateway at `url`, or by MQTT to the broker at `mqtt`.

        Raises:
            ValueError: no address, a fault that is none, or what a broker cannot do: several
                tenants, which sign in as themselves, and telling meters the time.
        """
        check_rates(plan.faults)
        if mqtt is not None and (len(plan.tenants) > 1 or plan.clocks is not None):
            raise ValueError("by MQTT one tenant sends, and nobody tells its meters the time")
        address = None if mqtt is not None else Address.of(url)
        self._tenants = [
            TenantRun(load=t, plan=plan, address=address, answer_s=lines.answer_s)
            for t in plan.tenants
        ]
        self._backlog: Backlog[Item] = Backlog(
            source=_requests(self._tenants, plan.days),
            on_send=lambda item: item[0].send(item[1]),
            on_answer=lambda item, status, body: item[0].settle(item[1], status, body),
            pace=pace,
            seed=plan.tenants[0].seed,
        )
        open_line = None
        if mqtt is not None:
            broker = mqtt.address(plan.tenants[0].key())
            open_line = mqtt_lines(broker, answer_s=lines.answer_s)
        self._sender = Sender(
            address=address, backlog=self._backlog, lines=lines, open_line=open_line
        )
        self._seconds = 0.0

    async def run(self, on_progress: Callable[[dict[str, Any]], None] | None = None) -> None:
        """Send the plan; `on_progress` gets the figures so far a few times a second."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        sending = loop.create_task(self._sender.run())
        try:
            while not sending.done():
                await asyncio.wait([sending], timeout=PROGRESS_S)
                self._seconds = loop.time() - began
                if on_progress:
                    on_progress(self.progress())
            sending.result()
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def stop(self) -> None:
        """End early; what has no answer stays unanswered."""
        self._sender.stop()

    def progress(self) -> dict[str, Any]:
        """Return readings planned, sent and acknowledged so far, and the seconds."""
        return {
            "planned": self._sum("planned"),
            "sent": self._sum("sent"),
            "acknowledged": self._sum("acknowledged"),
            "seconds": round(self._seconds, 3),
        }

    def result(self) -> dict[str, Any]:
        """Return the run's figures, over all tenants and for each."""
        acknowledged = self._sum("acknowledged")
        return {
            **self.progress(),
            "refused": dict(sum((t.tally.refused for t in self._tenants), Counter())),
            "outcomes": dict(sum((t.tally.outcomes for t in self._tenants), Counter())),
            "unanswered": self._sum("unanswered"),
            "faults": dict(sum((t.faults for t in self._tenants), Counter())),
            "requests": self._backlog.requests,
            "retries": self._backlog.retries,
            "setbacks": dict(self._backlog.setbacks),
            "readings_per_second": round(acknowledged / self._seconds) if self._seconds else 0,
            "delay_ms": self._backlog.delays.milliseconds(),
            "delay_histogram": self._backlog.delays.encoded(),
            "tenants": {
                t.fleet.tenant: {
                    "planned": t.tally.planned,
                    "sent": t.tally.sent,
                    "acknowledged": t.tally.acknowledged,
                    "refused": dict(t.tally.refused),
                    "unanswered": t.tally.unanswered,
                    **({} if t.clocks is None else {"clocks": t.clocks.figures()}),
                }
                for t in self._tenants
            },
        }

    def _sum(self, name: str) -> int:
        return sum(int(getattr(t.tally, name)) for t in self._tenants)
