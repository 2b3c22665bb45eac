"""Zones' keys that were made with their role's scopes may bring messages to their parents, too."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UNTIL_NOW = ["mdms:read", "mdms:write", "messaging:read", "platform:snapshot"]


def upgrade() -> None:
    """Widen them, and raise the version where there were any: zones hold keys in their copies."""
    keys = sa.table("api_keys", sa.column("role"), sa.column("scopes", sa.ARRAY(sa.Text)))
    widen = (
        sa.update(keys)
        .where(keys.c.role == "zone", keys.c.scopes == sa.cast(UNTIL_NOW, sa.ARRAY(sa.Text)))
        .values(scopes=sorted([*UNTIL_NOW, "messaging:write"]))
    )
    if op.get_bind().execute(widen).rowcount:
        op.execute("UPDATE version SET version = version + 1")
