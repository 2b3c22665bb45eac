"""A tenant's record: watermarks, live tail, blocks, revisions, quarantine and meter registry."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE uplink_position (
        edge text PRIMARY KEY CHECK (length(edge) BETWEEN 1 AND 64),
        sequence bigint NOT NULL
    ) WITH (fillfactor = 50)
    """,
    """
    CREATE TABLE tail (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        first_sequence bigint NOT NULL,
        last_sequence bigint NOT NULL,
        received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        first_day int NOT NULL,
        last_day int NOT NULL,
        entries int NOT NULL CHECK (entries > 0),
        readings int NOT NULL,
        edge text NOT NULL,
        body bytea NOT NULL
    )
    """,
    "CREATE TABLE fold_turn (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row))",
    "INSERT INTO fold_turn DEFAULT VALUES",
    # Fixed widths first, so that no byte goes to alignment. A day's block is rewritten as it
    # fills; the free space lets it stay on its page, without new index entries.
    """
    CREATE TABLE blocks (
        day int NOT NULL,
        interval_s int NOT NULL,
        present smallint NOT NULL CHECK (present > 0),
        meter_id text NOT NULL,
        register text NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (meter_id, register, day, interval_s)
    ) WITH (fillfactor = 60)
    """,
    """
    CREATE TABLE revisions (
        sequence bigint NOT NULL,
        replaced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        day int NOT NULL,
        interval_s int NOT NULL,
        value int NOT NULL,
        slot smallint NOT NULL,
        quality smallint NOT NULL,
        meter_id text NOT NULL,
        register text NOT NULL,
        edge text NOT NULL,
        PRIMARY KEY (meter_id, register, day, interval_s, slot, sequence, edge)
    )
    """,
    """
    CREATE TABLE quarantine (
        sequence bigint NOT NULL,
        set_aside_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        edge text NOT NULL,
        reason text NOT NULL,
        entry bytea NOT NULL,
        PRIMARY KEY (edge, sequence)
    )
    """,
    "CREATE TABLE registry_position (version bigint PRIMARY KEY)",
    "INSERT INTO registry_position VALUES (0)",
    """
    CREATE TABLE meters (
        meter_id text PRIMARY KEY CHECK (length(meter_id) BETWEEN 1 AND 64),
        version bigint NOT NULL UNIQUE,
        valid_from timestamptz NOT NULL,
        record jsonb NOT NULL
    )
    """,
    """
    CREATE TABLE meter_history (
        meter_id text NOT NULL REFERENCES meters,
        version bigint NOT NULL,
        valid_from timestamptz NOT NULL,
        valid_to timestamptz NOT NULL,
        record jsonb NOT NULL,
        PRIMARY KEY (meter_id, version),
        CHECK (valid_from <= valid_to)
    )
    """,
)
_APPEND_ONLY = ("revisions", "quarantine", "meter_history")


def upgrade() -> None:
    """Create the tables; what is a log may be written and read by the tenant, never changed."""
    for table in _TABLES:
        op.execute(table)
    for table in ("tail", "blocks"):
        # Compressed before they come here: EXTERNAL spares PostgreSQL from trying again.
        op.execute(f"ALTER TABLE {table} ALTER COLUMN body SET STORAGE EXTERNAL")
    schema = op.get_context().version_table_schema
    role = op.get_bind().dialect.identifier_preparer.quote_identifier(str(schema))
    for table in _APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {role}")
    op.execute(f"REVOKE UPDATE ON tail FROM {role}")
    op.execute(f"REVOKE INSERT, DELETE ON fold_turn, registry_position FROM {role}")
