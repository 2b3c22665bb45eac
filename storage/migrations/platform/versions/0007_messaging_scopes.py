"""Keys that were made with their role's scopes get those that the role has for messages, too."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# By role: its scopes until now, and what comes to them. Keys with scopes of their own stay.
WIDENED = {
    "tenant-admin": (
        ["keys:admin", "mdms:read", "mdms:write"],
        ["messaging:read", "messaging:write"],
    ),
    "tenant-service": (["mdms:read", "mdms:write"], ["messaging:read", "messaging:write"]),
    "zone": (["mdms:read", "mdms:write", "platform:snapshot"], ["messaging:read"]),
}


def upgrade() -> None:
    """Widen them, and raise the version where there were any: zones hold keys in their copies."""
    keys = sa.table("api_keys", sa.column("role"), sa.column("scopes", sa.ARRAY(sa.Text)))
    changed = 0
    for role, (until_now, more) in WIDENED.items():
        widen = (
            sa.update(keys)
            .where(keys.c.role == role, keys.c.scopes == sa.cast(until_now, sa.ARRAY(sa.Text)))
            .values(scopes=sorted([*until_now, *more]))
        )
        changed += op.get_bind().execute(widen).rowcount
    if changed:
        op.execute("UPDATE version SET version = version + 1")
