"""The tables of schema `platform`, as the newest migration leaves them."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata: Final = sa.MetaData(schema="platform")

zones: Final = sa.Table(
    "zones",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("tier", sa.SmallInteger, nullable=False),
    sa.Column("parent", sa.Text),
)

tenants: Final = sa.Table(
    "tenants",
    metadata,
    sa.Column("slug", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("calls_per_s", sa.Double),
    sa.Column("settings", JSONB, nullable=False, server_default=sa.text("'{}'")),
)

tenant_zones: Final = sa.Table(
    "tenant_zones",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("zone", sa.Text, primary_key=True),
    sa.Column("leaving", sa.Boolean, nullable=False),
)

api_keys: Final = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("tenant", sa.Text),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
    sa.Column("zone", sa.Text),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("expires_at", sa.DateTime(timezone=True)),
    sa.Column("revoked_at", sa.DateTime(timezone=True)),
    sa.Column("calls_per_s", sa.Double),
)

version: Final = sa.Table(
    "version",
    metadata,
    sa.Column("single", sa.Boolean, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("incarnation", sa.BigInteger, nullable=False),
    sa.Column("server", sa.Text),
)

ledger_segments: Final = sa.Table(
    "ledger_segments",
    metadata,
    sa.Column("zone", sa.Text, primary_key=True),
    sa.Column("segment", sa.Text, primary_key=True),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
)

ledger: Final = sa.Table(
    "ledger",
    metadata,
    sa.Column("zone", sa.Text, primary_key=True),
    sa.Column("segment", sa.Text, primary_key=True),
    sa.Column("start_offset", sa.BigInteger, primary_key=True),
    sa.Column("end_offset", sa.BigInteger, nullable=False),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("counted", sa.Boolean, nullable=False),
)

ledger_head: Final = sa.Table(
    "ledger_head",
    metadata,
    sa.Column("single", sa.Boolean, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)

usage_days: Final = sa.Table(
    "usage_days",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("zone", sa.Text, primary_key=True),
    sa.Column("function", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("origin", sa.Text, primary_key=True),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("failed", sa.BigInteger, nullable=False),
    sa.Column("cold", sa.BigInteger, nullable=False),
    sa.Column("wait_us", sa.BigInteger, nullable=False),
    sa.Column("run_us", sa.BigInteger, nullable=False),
    sa.Column("megabyte_ms", sa.BigInteger, nullable=False),
    sa.Column("cpu_us", sa.BigInteger, nullable=False),
    sa.Column("bytes_in", sa.BigInteger, nullable=False),
    sa.Column("bytes_out", sa.BigInteger, nullable=False),
)

storage_samples: Final = sa.Table(
    "storage_samples",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), primary_key=True),
    sa.Column("zone", sa.Text, primary_key=True),
    sa.Column("store", sa.Text, primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
)

invoices: Final = sa.Table(
    "invoices",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("month", sa.Date, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),
)

bundles: Final = sa.Table(
    "bundles",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

functions: Final = sa.Table(
    "functions",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("current", sa.Integer),
    sa.Column("last_version", sa.Integer, nullable=False),
)

function_versions: Final = sa.Table(
    "function_versions",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("spec", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
)

function_secrets: Final = sa.Table(
    "function_secrets",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
)
