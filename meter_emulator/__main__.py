"""Entry point: `python -m meter_emulator`."""

from meter_emulator.cli import main

main()
