"""A tenant's events: blocks of register reads and off-grid intervals, and their revisions."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The columns of `blocks` and `revisions`; a place in an event block is a second of its day.
_TABLES = (
    """
    CREATE TABLE event_blocks (
        day int NOT NULL,
        interval_s int NOT NULL,
        present int NOT NULL CHECK (present > 0),
        meter_id text NOT NULL,
        register text NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (meter_id, register, day, interval_s)
    ) WITH (fillfactor = 60)
    """,
    """
    CREATE TABLE event_revisions (
        sequence bigint NOT NULL,
        replaced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        value bigint NOT NULL,
        day int NOT NULL,
        interval_s int NOT NULL,
        slot int NOT NULL,
        quality smallint NOT NULL,
        meter_id text NOT NULL,
        register text NOT NULL,
        edge text NOT NULL,
        PRIMARY KEY (meter_id, register, day, interval_s, slot, sequence, edge)
    )
    """,
)


def upgrade() -> None:
    """Create the tables; the log may be written and read by the tenant, never changed."""
    for table in _TABLES:
        op.execute(table)
    # Compressed before they come here: EXTERNAL spares PostgreSQL from trying again.
    op.execute("ALTER TABLE event_blocks ALTER COLUMN body SET STORAGE EXTERNAL")
    schema = op.get_context().version_table_schema
    role = op.get_bind().dialect.identifier_preparer.quote_identifier(str(schema))
    op.execute(f"REVOKE UPDATE, DELETE ON event_revisions FROM {role}")
