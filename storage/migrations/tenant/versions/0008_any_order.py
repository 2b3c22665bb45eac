"""Entries of an edge in any order: the ranges that are here beyond the watermark."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the ends of the ranges, in turn the number before its first and its last sequence."""
    op.execute("ALTER TABLE uplink_position ADD COLUMN ahead bigint[] NOT NULL DEFAULT '{}'")
