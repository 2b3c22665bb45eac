"""The record's incarnation, by which zones know a restored one, and rate limits."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Begin an incarnation now: whatever zones remember of another record is older."""
    op.add_column(
        "version",
        sa.Column(
            "incarnation",
            sa.BigInteger,
            nullable=False,
            server_default=sa.text("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"),
        ),
    )
    op.add_column("version", sa.Column("server", sa.Text))
    for table in ("tenants", "api_keys"):
        op.add_column(table, sa.Column("calls_per_s", sa.Double))
        op.create_check_constraint(f"{table}_calls_per_s", table, "calls_per_s > 0")
