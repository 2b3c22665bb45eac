"""`python -m deploy.compose.bootstrap`: what PostgreSQL holds before the first zone starts."""

import asyncio

from deploy.compose.layout import SECRETS, database_url, platform_keys, topology
from deploy.lab.bootstrap import close_own_server, record_lab
from storage.migrations import upgrade


def main() -> None:
    """Bring the schema to its newest version and record zones, tenants and keys."""
    kept = SECRETS / "keys"
    url = database_url((kept / "postgres_password").read_text())
    upgrade(url)
    asyncio.run(_record(url))


async def _record(url: str) -> None:
    await close_own_server(url)
    await record_lab(url, topology=topology(), keys=platform_keys(SECRETS / "keys"))


if __name__ == "__main__":
    main()
