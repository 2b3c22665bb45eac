"""Zones, tenants, their keys, and the version that snapshots are known by."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; the version starts at 1, so 0 means "none seen yet"."""
    op.create_table(
        "zones",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("tier", sa.SmallInteger, nullable=False),
        sa.Column("parent", sa.Text, sa.ForeignKey("zones.name")),
        sa.CheckConstraint("tier BETWEEN 1 AND 3", name="zones_tier"),
        sa.CheckConstraint("(tier = 1) = (parent IS NULL)", name="zones_parent"),
    )
    op.create_table(
        "tenants",
        sa.Column("slug", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("slug ~ '^[a-z][a-z0-9-]{1,30}$'", name="tenants_slug"),
        sa.CheckConstraint("number BETWEEN 1 AND 60000", name="tenants_number"),
    )
    op.create_table(
        "tenant_zones",
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.slug"), primary_key=True),
        sa.Column("zone", sa.Text, sa.ForeignKey("zones.name"), primary_key=True),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("tenant", sa.Text, sa.ForeignKey("tenants.slug"), index=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("zone", sa.Text, sa.ForeignKey("zones.name")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("hash ~ '^[0-9a-f]{64}$'", name="api_keys_hash"),
        sa.CheckConstraint("role <> 'zone' OR zone IS NOT NULL", name="api_keys_zone"),
    )
    version = op.create_table(
        "version",
        sa.Column("single", sa.Boolean, primary_key=True, server_default=sa.true()),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.CheckConstraint("single", name="version_one_row"),
    )
    op.bulk_insert(version, [{"single": True, "version": 1}])
