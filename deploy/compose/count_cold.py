"""`python -m deploy.compose.count_cold DAY`: how many of a UTC day's readings PostgreSQL holds.

Runs in the container of headquarters' agent, which has the database's address.
"""

import asyncio
import json
import os
import sys
from datetime import date
from pathlib import Path

from deploy.lab.bootstrap import TENANTS
from deploy.lab.cold_count import count_cold

EPOCH = date(1970, 1, 1).toordinal()


def main() -> None:
    """Print {"found", "distinct"} as JSON: each stored copy, and each reading once."""
    day = date.fromisoformat(sys.argv[1]).toordinal() - EPOCH
    url = (Path(os.environ["GRIDFAAS_SECRETS_DIR"]) / "database_url").read_text()
    tenants = [tenant.slug for tenant in TENANTS]
    count = asyncio.run(count_cold(url, tenants=tenants, days=range(day, day + 1)))
    sys.stdout.write(json.dumps({"found": count.found, "distinct": count.distinct}) + "\n")


if __name__ == "__main__":
    main()
