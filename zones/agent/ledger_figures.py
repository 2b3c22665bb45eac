"""What is counted about the ledger's way to headquarters."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class LedgerFigures:
    """Bytes are those of frames, as they stand in segments."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge(
            "gridfaas_ledger_waiting_bytes",
            "Ledger that headquarters has not taken yet",
            registry=registry,
        )
        self.damaged = Gauge(
            "gridfaas_ledger_damaged_segments",
            "Segments that cannot be read to their end; somebody has to look at them",
            registry=registry,
        )
        self.shipped = Counter(
            "gridfaas_ledger_shipped_bytes",
            "Ledger that headquarters took",
            registry=registry,
        )
        self.failures = Counter(
            "gridfaas_ledger_failures",
            "Times that the ledger could not be shipped",
            registry=registry,
        )
