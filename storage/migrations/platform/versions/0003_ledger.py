"""The ledger of all zones, and how far each of their segments has come."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables; bodies are compressed already, so PostgreSQL leaves them alone."""
    op.create_table(
        "ledger_segments",
        sa.Column("zone", sa.Text, primary_key=True),
        sa.Column("segment", sa.Text, primary_key=True),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "ledger",
        sa.Column("zone", sa.Text, primary_key=True),
        sa.Column("segment", sa.Text, primary_key=True),
        sa.Column("start_offset", sa.BigInteger, primary_key=True),
        sa.Column("end_offset", sa.BigInteger, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("end_offset > start_offset", name="ledger_range"),
        sa.ForeignKeyConstraint(
            ["zone", "segment"], ["ledger_segments.zone", "ledger_segments.segment"]
        ),
    )
    op.execute("ALTER TABLE ledger ALTER COLUMN body SET STORAGE EXTERNAL")
    # Batches arrive in the order of time, roughly: a small index finds a month's.
    op.create_index("ledger_time", "ledger", ["first_at", "last_at"], postgresql_using="brin")
