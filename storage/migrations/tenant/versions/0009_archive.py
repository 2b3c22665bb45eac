"""What of a tenant's record is archived in files: written, then taken out of the blocks."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the catalogue; the tenant may read it, the operator's login writes it."""
    op.execute(
        """
        CREATE TABLE archive_files (
            path text PRIMARY KEY,
            sha256 text NOT NULL,
            size bigint NOT NULL,
            readings bigint NOT NULL,
            blocks int NOT NULL,
            first_day int NOT NULL,
            last_day int NOT NULL,
            interval_s int NOT NULL,
            register text NOT NULL,
            first_meter text NOT NULL,
            last_meter text NOT NULL,
            written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            dropped_at timestamptz,
            CHECK (first_day <= last_day AND first_meter <= last_meter)
        )
        """
    )
    op.execute("CREATE INDEX archive_files_days ON archive_files (first_day, last_day)")
    schema = op.get_context().version_table_schema
    role = op.get_bind().dialect.identifier_preparer.quote_identifier(str(schema))
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON archive_files FROM {role}")
