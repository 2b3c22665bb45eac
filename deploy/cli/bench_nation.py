"""`gridfaas bench nation`: a nation's meters and their rate on this machine."""

from typing import Any

import click

from deploy.benchmarks.nation import measure_nation
from deploy.cli.bench_answer import as_json_option, end, interruptible, this_command


@click.command()
@click.option(
    "--meters",
    default=10_000_000,
    show_default=True,
    type=click.IntRange(100, 20_000_000),
    help="Registered at headquarters and in every zone.",
)
@click.option(
    "--sample",
    type=click.IntRange(100),
    help="Meters that report. Unless said 2,000,000, or as many as memory has room for.",
)
@click.option("--minutes", default=10.0, show_default=True, type=click.FloatRange(0.05, 1_440.0))
@click.option(
    "--rate",
    default=11_112.0,
    show_default=True,
    type=click.FloatRange(1.0),
    help="Readings/s: 10 million meters every 15 minutes.",
)
@click.option(
    "--per-body",
    default=500,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Readings a body.",
)
@click.option("--connections", default=32, show_default=True, type=click.IntRange(1, 256))
@as_json_option
def nation(
    *,
    meters: int,
    sample: int | None,
    minutes: float,
    rate: float,
    per_body: int,
    connections: int,
    as_json: bool,
) -> None:
    """A nation's meters and their rate, the whole way, on this machine.

    Starts a lab of one zone a tier in a temporary folder, registers the meters at headquarters and
    waits until every zone has them: bytes a meter of tables, hot stores and processes. Then
    a sample of them sends two intervals as fast as they are committed at headquarters, and at
    last goes on with further ones, meter by meter, at the nation's rate for some minutes, every
    body when it is due, however slow the answers are. `nation_p99_ms` is from then to the
    acknowledgement at the edge, `nation_cpu_share` what the lab's processes use of the machine's
    cores, sender apart. Memory of every process and the entries of every queue are sampled and
    judged: flat or not. In the end every reading is counted in the record.

    10 million meters of which 2 million report need 17 GiB of memory and 40 GiB of disk, and half
    an hour on two cores.
    """
    if sample is not None and sample > meters:
        raise click.UsageError("--sample is more than --meters")
    result = interruptible(
        lambda reporter: measure_nation(
            meters=meters,
            sample=sample,
            minutes=minutes,
            rate=rate,
            per_body=per_body,
            connections=connections,
            command=this_command(),
            reporter=reporter,
        )
    )
    end(result, as_json, table=nation_table(result))


def nation_table(result: dict[str, Any]) -> str:
    """Return what a meter takes up, shares of the machine, and memory, a line each."""
    registration, steady = result["registration"], result["steady"]
    lines = [
        f"registered in {zone}: {taken:,.0f} s" for zone, taken in registration["seconds"].items()
    ]
    for of, sizes in registration["bytes_a_meter"].items():
        lines += [f"bytes a meter, {of} {name}: {size:,.1f}" for name, size in sizes.items()]
    delays = ", ".join(f"{name} {value:,.1f} ms" for name, value in steady["delay_ms"].items())
    lines += [f"acknowledged: {delays}", f"{'':26}{'CPU':>7}{'highest MiB':>13}{'':>6}"]
    for name, memory in steady["memory"].items():
        lines.append(
            f"{name:26}{steady['cpu_shares'].get(name, 0.0):>7.1%}"
            f"{memory['highest'] / 2**20:>13,.0f}{'flat' if memory['flat'] else 'GROWS':>7}"
        )
    for name, queue in steady["queues"].items():
        verdict = "flat" if queue["flat"] else "GROWS"
        lines.append(f"{name:26}mean {queue['mean']:,.0f}, highest {queue['highest']:,}: {verdict}")
    return "\n".join([*lines, "", ""])
