"""Options that say whose readings a command sends, and how."""

import click

from deploy.lab.load_spec import FAULTS


class FaultRate(click.ParamType[tuple[str, float]]):
    """`NAME=RATE`, a fault of the emulator's and the share of readings that it touches."""

    name = "name=rate"

    def convert(
        self,
        value: tuple[str, float] | str,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, float]:
        """Return name and rate."""
        if isinstance(value, tuple):
            return value
        name, _, text = value.partition("=")
        try:
            rate = float(text)
        except ValueError:
            rate = -1.0
        if name not in FAULTS or not 0 <= rate <= 1:
            known = ", ".join(FAULTS)
            self.fail(f"{value!r}: one of {known} and a rate from 0 to 1, as late=0.05", param, ctx)
        return name, rate


meters = click.option(
    "--meters",
    default=1_000,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Fleet size, over both tenants and edges.",
)
seed = click.option(
    "--seed", default=1, show_default=True, type=click.IntRange(0), help="Seed of the fleet."
)
pv_share = click.option(
    "--pv-share",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Homes with panels, which report their export too.",
)
faults = click.option(
    "--fault",
    "faults",
    multiple=True,
    type=FaultRate(),
    help=f"A fault and its rate, may be repeated; of {', '.join(FAULTS)}.",
)
