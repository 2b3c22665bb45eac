"""A small index of blocks by day: they are written day by day, and read so for a whole fleet."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say which pages have which days; the new ones are noted as the table is vacuumed."""
    op.execute(
        "CREATE INDEX blocks_by_day ON blocks USING brin (day)"
        " WITH (pages_per_range = 32, autosummarize = on)"
    )
