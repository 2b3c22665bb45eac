"""A tenant's month as the interface's description shows it."""

from typing import Any, Final

USAGE: Final[dict[str, Any]] = {
    "tenant": "acme",
    "month": "2026-11",
    "since": "2026-11-01T00:00:00Z",
    "until": "2026-12-01T00:00:00Z",
    "closed_at": "2026-12-03T08:00:00Z",
    "ledger_position": 4711,
    "records": {"total": 1_250_007, "billed": 1_250_000, "link": 4, "platform": 2, "refused": 1},
    "functions": [
        {
            "function": "mdms",
            "zone": "zone-3a",
            "origin": "",
            "invocations": 1_250_000,
            "failed": 0,
            "cold": 3,
            "run_seconds": "3125.5",
            "gb_seconds": "781.375",
            "cpu_seconds": "1406.25",
            "bytes_in": 500_000_000,
            "bytes_out": 200_000_000,
        }
    ],
    "links": [
        {
            "lower": "zone-3a",
            "upper": "zone-2",
            "function": "mdms",
            "requests": 4,
            "bytes": 61_440_000,
        }
    ],
    "stored": [{"zone": "zone-3a", "store": "hot", "samples": 720, "gb_hours": "72.5"}],
    "invoice": {
        "price_list": "2026-01",
        "currency": "USD",
        "lines": [
            {
                "unit": "invocations",
                "quantity": "1250000",
                "free": "100000",
                "price": "0.20",
                "per": "1000000",
                "amount": "0.23",
            },
            {
                "unit": "hot_gb_hours",
                "quantity": "72.5",
                "free": "0",
                "price": "0.012",
                "per": "1",
                "amount": "0.87",
            },
        ],
        "corrections": [
            {
                "month": "2026-10",
                "price_list": "2026-01",
                "differences": {"invocations": "50000"},
                "amount": "0.01",
            }
        ],
        "total": "1.11",
    },
}
CSV: Final = (
    "tenant,month,part,zone,function,origin,unit,quantity,free,price,per,amount,currency\r\n"
    "acme,2026-11,used,zone-3a,mdms,,invocations,1250000,,,,,\r\n"
    "acme,2026-11,line,,,,invocations,1250000,100000,0.20,1000000,0.23,USD\r\n"
    "acme,2026-11,total,,,,,,,,,0.23,USD\r\n"
)
