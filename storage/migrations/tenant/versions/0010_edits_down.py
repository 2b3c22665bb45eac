"""Edits are asked for by their stamps, on their way down to the zones."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the edits that entered the record."""
    op.execute("CREATE INDEX edits_of_stamp ON edits (sequence) WHERE sequence IS NOT NULL")
