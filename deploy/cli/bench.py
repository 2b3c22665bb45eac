"""`gridfaas bench`: measure this build beside a peer, on this machine, in turns."""

import asyncio
from collections.abc import Callable
from typing import Any

import click

from deploy.benchmarks.balancing import compare_policies
from deploy.benchmarks.coldstart import measure_coldstart
from deploy.benchmarks.gateway import compare_gateways
from deploy.benchmarks.ingest import compare_ingest
from deploy.benchmarks.ingest_bars import FORMS, WAYS
from deploy.benchmarks.query import compare_queries
from deploy.benchmarks.sender import compare_senders
from deploy.cli.bench_answer import as_json_option, end, interruptible, this_command
from deploy.cli.bench_nation import nation
from deploy.cli.progress import ShownProgress

_rounds = click.option(
    "--rounds", default=3, show_default=True, type=click.IntRange(3), help="Turns of each side."
)


def _seconds(default: float) -> Callable[[Any], Any]:
    return click.option(
        "--seconds",
        default=default,
        show_default=True,
        type=click.FloatRange(0.2),
        help="About how long each measurement of a round takes.",
    )


@click.group()
def bench() -> None:
    """Measure this build beside a peer on this machine, both in turns within one run.

    Bars are ratios to the peer, medians of the rounds: a busy machine slows both sides. With
    --json the answer is one object: `machine`, `versions`, `command`, every raw figure in
    `rounds`, and `bars` with their values and targets. Progress goes to standard error.

    \b
    Exit codes:
      0    every bar is met
      1    there are no figures; one line says why
      2    wrong arguments
      7    a bar is not met
      130  interrupted
    """


@bench.command()
@_rounds
@_seconds(2.0)
@click.option(
    "--meters",
    default=10_000,
    show_default=True,
    type=click.IntRange(1_000, 100_000),
    help="Fleet.",
)
@click.option(
    "--connections", default=32, show_default=True, type=click.IntRange(1, 256), help="Senders."
)
@click.option("--only", type=click.Choice(FORMS), help="Measure bodies of this form, not of all.")
@click.option("--way", type=click.Choice(WAYS), help="Measure this way, not both.")
@as_json_option
def ingest(
    *,
    rounds: int,
    seconds: float,
    meters: int,
    connections: int,
    only: str | None,
    way: str | None,
    as_json: bool,
) -> None:
    """Readings per second, at the edge and the whole way, beside PostgreSQL's COPY.

    `edge` is until an edge zone has acknowledged them: a zone of tier 3 (Valkey, agent, gateway,
    workers) whose parent is gone. `whole` is until headquarters has committed them: a lab of one
    zone a tier, from the edge over validation in zone 2 to the record, which is counted at the
    end; of a first day sent so, the bytes a reading takes up cold and hot are bars, too. All
    servers are in a temporary folder. The peer is binary COPY into a logged row-a-reading
    table with primary key (meter, register, at), fsync and synchronous_commit on, one
    connection, 10,000 rows a commit. Our side posts bodies of 100 and of 1,000 readings, `live`
    (an instant of many meters) and `backfill` (a meter's day), as series and as lists. Both
    sides are encoded beforehand, and no reading is sent twice.
    """
    result = interruptible(
        lambda reporter: compare_ingest(
            rounds=rounds,
            seconds=seconds,
            meters=meters,
            connections=connections,
            forms=FORMS if only is None else [only],
            ways=WAYS if way is None else [way],
            command=this_command(),
            reporter=reporter,
        )
    )
    end(result, as_json, table=ingest_table(result))


@bench.command()
@_rounds
@_seconds(3.0)
@click.option("--connections", default=4, show_default=True, type=click.IntRange(1, 256))
@as_json_option
def sender(*, rounds: int, seconds: float, connections: int, as_json: bool) -> None:
    """Requests a CPU second of the emulator's sender, beside wrk on the same tiny server.

    wrk is a Debian package; $WRK may name it.
    """
    result = compare_senders(
        rounds=rounds, seconds=seconds, connections=connections, command=this_command()
    )
    end(result, as_json, table="")


@bench.command()
@_rounds
@_seconds(2.0)
@as_json_option
def gateway(*, rounds: int, seconds: float, as_json: bool) -> None:
    """Calls through our gateway, beside nginx and a plain proxy before the same upstream.

    One run, in turns, the same POST of 400 bytes: straight to the upstream; through nginx (one
    worker, kept upstream connections, access_log and limit_req on); through our gateway with
    authentication, limits, log and ledger on; and through FastAPI with httpx. Requests a second,
    processor time of the side a request, p50 and p99, at 1 and 32 in flight.

    nginx and wrk are Debian packages; $NGINX and $WRK may name them.
    """
    result = interruptible(
        lambda reporter: asyncio.to_thread(
            compare_gateways,
            rounds=rounds,
            seconds=seconds,
            command=this_command(),
            reporter=reporter,
        )
    )
    end(result, as_json, table=gateway_table(result))


@bench.command()
@_rounds
@_seconds(3.0)
@as_json_option
def balancing(*, rounds: int, seconds: float, as_json: bool) -> None:
    """The four balancing policies, over workers of unequal speed: slowest calls and spread.

    The spread is the standard deviation of the time that each worker was busy, over its mean: 0
    where all were busy alike. wrk is a Debian package; $WRK may name it.
    """
    result = interruptible(
        lambda reporter: asyncio.to_thread(
            compare_policies,
            rounds=rounds,
            seconds=seconds,
            command=this_command(),
            reporter=reporter,
        )
    )
    end(result, as_json, table=balancing_table(result))


@bench.command()
@click.option(
    "--starts",
    default=24,
    show_default=True,
    type=click.IntRange(20, 1_000),
    help="Starts of each function.",
)
@as_json_option
def coldstart(*, starts: int, as_json: bool) -> None:
    """First reply from zero: a call to a function that has no worker, through gateway and agent.

    In turns, a raw handler and a FastAPI application as processes, and a raw handler in a
    container, created anew and resumed. Between two calls each function scales to zero by itself,
    so a start takes about six seconds of the run. Containers are skipped, and the answer says
    why, where there is no Docker engine or no image of workers.
    """
    with ShownProgress() as reporter:
        result = measure_coldstart(starts=starts, command=this_command(), reporter=reporter)
    end(result, as_json, table=coldstart_table(result))


@bench.command()
@_rounds
@click.option(
    "--meters", default=25_000, show_default=True, type=click.IntRange(100, 50_000), help="Fleet."
)
@click.option(
    "--days", default=31, show_default=True, type=click.IntRange(1, 31), help="Of the month."
)
@as_json_option
def query(*, rounds: int, meters: int, days: int, as_json: bool) -> None:
    """A hot day, a cold day, and a month's time-of-use sums beside a row-a-reading table.

    Starts a PostgreSQL and a Valkey in a temporary folder (about 8 GiB for the whole fleet) and
    fills the record, live and folded, and a table with a row a reading, keyed (meter, at) and
    vacuumed, with the same readings. Then asks mdms for each meter's sums by period, computed
    from blocks, and PostgreSQL for the same from rows, both warm and under the same settings: by
    local time of each row, and joined with a calendar. The faster one is the peer, and every sum
    is compared. `cold_day_ms` is a meter's day a year ago, first without anything in memory.
    """
    result = interruptible(
        lambda reporter: compare_queries(
            rounds=rounds, meters=meters, days=days, command=this_command(), reporter=reporter
        )
    )
    end(result, as_json, table=query_table(result))


def query_table(result: dict[str, Any]) -> str:
    """Return the medians, a line a query."""
    hot, cold = result["hot_day_ms"], result["cold_day_ms"]
    lines = [
        f"last day of a meter, hot: p50 {hot['p50']:,.1f} ms, p95 {hot['p95']:,.1f} ms",
        f"a day a year ago, cold: first {cold['first']:,.1f} ms, second {cold['second']:,.1f} ms",
    ]
    lines += [f"{name:32}{taken:>9,.2f}" for name, taken in result["medians"].items()]
    lines += [f"{name:32}{size:>9,.2f}" for name, size in result["sizes"].items()]
    return "\n".join([*lines, "", ""])


def coldstart_table(result: dict[str, Any]) -> str:
    """Return the percentiles, a line a kind of start, and why others are missing."""
    lines = [f"{'':18}{'p50 ms':>9}{'p95 ms':>9}"]
    for name, figures in result["first_reply"].items():
        lines.append(f"{name:18}{figures['p50_ms']:>9,.1f}{figures['p95_ms']:>9,.1f}")
    lines += [f"{name}: skipped: {reason}" for name, reason in result["skipped"].items()]
    return "\n".join([*lines, "", ""])


def gateway_table(result: dict[str, Any]) -> str:
    """Return the medians, a line a side and number in flight."""
    lines = [f"{'':12}{'in flight':>10}{'requests/s':>12}{'CPU us':>9}{'p50 us':>9}{'p99 us':>9}"]
    for side, by_load in result["medians"].items():
        for many, figures in by_load.items():
            lines.append(
                f"{side:12}{many:>10}{figures['requests_per_second']:>12,.0f}"
                f"{figures['cpu_us_per_request']:>9,.1f}"
                f"{figures['p50_us']:>9,.0f}{figures['p99_us']:>9,.0f}"
            )
    return "\n".join([*lines, "", ""])


def balancing_table(result: dict[str, Any]) -> str:
    """Return the medians, a line a policy."""
    lines = [f"{'':14}{'requests/s':>12}{'p50 us':>10}{'p99 us':>10}{'spread':>8}"]
    for policy, figures in result["medians"].items():
        lines.append(
            f"{policy:14}{figures['requests_per_second']:>12,.0f}{figures['p50_us']:>10,.0f}"
            f"{figures['p99_us']:>10,.0f}{figures['spread']:>8.3f}"
        )
    return "\n".join([*lines, "", ""])


def ingest_table(result: dict[str, Any]) -> str:
    """Return the medians, a line a measurement."""
    lines = [f"{'':22}{'readings/s':>12}{'per server CPU s':>19}"]
    for name, figures in result["medians"].items():
        rate, per_cpu = figures["readings_per_second"], figures["readings_per_server_cpu_second"]
        lines.append(f"{name:22}{rate:>12,}{per_cpu:>19,}")
    return "\n".join([*lines, "", ""])


bench.add_command(nation)
