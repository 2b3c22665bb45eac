"""Watermarks by the way that an edge's entries came: the zone that called, and the edge."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the calling zone to the key; it is not known of the rows that are there.

    So an entry that was on its way may be taken again, which the fold sees by its stamp.
    """
    op.execute("ALTER TABLE uplink_position ADD COLUMN caller text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE uplink_position ALTER COLUMN caller DROP DEFAULT")
    op.execute("ALTER TABLE uplink_position DROP CONSTRAINT uplink_position_pkey")
    op.execute("ALTER TABLE uplink_position ADD PRIMARY KEY (caller, edge)")
