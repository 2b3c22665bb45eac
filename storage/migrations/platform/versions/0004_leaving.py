"""Zones that a tenant was taken off, whose edges may still hold acknowledged readings of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark; every assignment that is there is one."""
    op.add_column(
        "tenant_zones",
        sa.Column("leaving", sa.Boolean, nullable=False, server_default=sa.false()),
    )
