"""Usage: the ledger's order of arrival, its sums by day, samples of storage, and closed months."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SUMS = (
    *("records", "failed", "cold", "wait_us", "run_us"),
    *("megabyte_ms", "cpu_us", "bytes_in", "bytes_out"),
)


def upgrade() -> None:
    """Number the batches that are there; they are counted by whoever asks for usage first."""
    op.create_table(
        "ledger_head",
        sa.Column("single", sa.Boolean, primary_key=True, server_default=sa.true()),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.CheckConstraint("single", name="ledger_head_single"),
    )
    op.add_column("ledger", sa.Column("position", sa.BigInteger))
    op.add_column(
        "ledger", sa.Column("counted", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.execute(
        "UPDATE ledger SET position = numbered.position FROM (SELECT zone, segment, start_offset,"
        " row_number() OVER (ORDER BY received_at, zone, segment, start_offset) AS position"
        " FROM ledger) AS numbered WHERE (ledger.zone, ledger.segment, ledger.start_offset)"
        " = (numbered.zone, numbered.segment, numbered.start_offset)"
    )
    op.execute("INSERT INTO ledger_head (position) SELECT coalesce(max(position), 0) FROM ledger")
    op.alter_column("ledger", "position", nullable=False)
    op.create_unique_constraint("ledger_position", "ledger", ["position"])
    op.create_index(
        "ledger_uncounted",
        "ledger",
        ["position"],
        postgresql_where=sa.text("NOT counted"),
    )
    op.create_table(
        "usage_days",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("zone", sa.Text, primary_key=True),
        sa.Column("function", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("origin", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in SUMS),
    )
    op.create_table(
        "storage_samples",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("zone", sa.Text, primary_key=True),
        sa.Column("store", sa.Text, primary_key=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "invoices",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("month", sa.Date, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
