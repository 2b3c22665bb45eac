"""Tenants' functions, their versions and bundles, their secrets, and tenants' settings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; bundles are compressed already, so PostgreSQL leaves them alone."""
    op.create_table(
        "bundles",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.execute("ALTER TABLE bundles ALTER COLUMN body SET STORAGE EXTERNAL")
    op.create_table(
        "functions",
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.slug"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("current", sa.Integer),
        sa.Column("last_version", sa.Integer, nullable=False),
    )
    op.create_table(
        "function_versions",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Text, sa.ForeignKey("bundles.digest"), nullable=False),
        sa.Column("spec", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["tenant", "name"], ["functions.tenant", "functions.name"]),
        sa.UniqueConstraint("tenant", "name", "digest"),
    )
    op.create_index("function_versions_digest", "function_versions", ["digest"])
    op.create_table(
        "function_secrets",
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.slug"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column(
        "tenants", sa.Column("settings", JSONB, nullable=False, server_default=sa.text("'{}'"))
    )
