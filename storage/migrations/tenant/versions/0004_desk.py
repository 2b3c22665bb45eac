"""The VEE desk of a tenant: exceptions, edits and their approvals, the desk's stamps, the audit."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = (
    # One open exception an identity; those that are closed stay as history.
    """
    CREATE TABLE exceptions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        found_at bigint NOT NULL,
        opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        decided_at timestamptz,
        day int NOT NULL,
        interval_s int NOT NULL,
        first_slot int NOT NULL,
        slots int NOT NULL CHECK (slots > 0),
        group_version int,
        check_due boolean NOT NULL DEFAULT true,
        meter_id text NOT NULL,
        register text NOT NULL,
        rule text NOT NULL,
        severity text NOT NULL CHECK (severity IN ('error', 'warning')),
        iec_code text,
        rule_group text,
        zone text NOT NULL,
        state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'pending', 'closed')),
        assignee text,
        decision text,
        reason text,
        decided_by text,
        CHECK ((state = 'closed') = (decision IS NOT NULL))
    )
    """,
    """
    CREATE UNIQUE INDEX exceptions_one_open ON exceptions
        (meter_id, register, day, interval_s, first_slot, rule) WHERE state <> 'closed'
    """,
    """
    CREATE INDEX exceptions_identity ON exceptions
        (meter_id, register, day, interval_s, first_slot, rule, found_at)
    """,
    "CREATE INDEX exceptions_unclosed ON exceptions (id) WHERE state <> 'closed'",
    "CREATE INDEX exceptions_check_due ON exceptions (id) WHERE state <> 'closed' AND check_due",
    """
    CREATE TABLE edits (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        edited_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        start_s bigint NOT NULL,
        sequence bigint,
        interval_s int NOT NULL,
        kind text NOT NULL CHECK (kind IN ('edit', 'estimate')),
        state text NOT NULL CHECK (state IN ('pending', 'applied', 'rejected')),
        meter_id text NOT NULL,
        register text NOT NULL,
        editor text NOT NULL,
        reason text NOT NULL,
        method text NOT NULL,
        new_values bigint[] NOT NULL,
        quality smallint[] NOT NULL,
        seen bigint[] NOT NULL,
        exception_ids bigint[] NOT NULL DEFAULT '{}',
        CHECK ((state = 'applied') = (sequence IS NOT NULL)),
        CHECK (cardinality(new_values) = cardinality(quality)),
        CHECK (cardinality(new_values) = cardinality(seen))
    )
    """,
    "CREATE INDEX edits_of_meter ON edits (meter_id, register, start_s)",
    "CREATE INDEX edits_pending ON edits (id) WHERE state = 'pending'",
    """
    CREATE TABLE approvals (
        edit_id bigint PRIMARY KEY REFERENCES edits,
        decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        approver text NOT NULL,
        decision text NOT NULL CHECK (decision IN ('approved', 'rejected')),
        reason text NOT NULL
    )
    """,
    """
    CREATE TABLE audit_log (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        exception_id bigint,
        edit_id bigint,
        begin_s bigint,
        end_s bigint,
        actor text NOT NULL,
        role text NOT NULL,
        action text NOT NULL,
        reason text,
        meter_id text,
        register text,
        detail jsonb
    )
    """,
    "CREATE INDEX audit_log_of_meter ON audit_log (meter_id, id)",
    # Stamps of what enters the record at headquarters; whoever draws one holds the row.
    """
    CREATE TABLE desk (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        epoch bigint NOT NULL,
        sequence bigint NOT NULL
    )
    """,
    "INSERT INTO desk (epoch, sequence) VALUES (0, 0)",
)
_APPEND_ONLY = {
    "approvals": "edit_id, approver, decision, reason",
    "audit_log": (
        "exception_id, edit_id, begin_s, end_s, actor, role, action, reason, meter_id, register,"
        " detail"
    ),
}


def upgrade() -> None:
    """Create the tables; the tenant adds to its log and its approvals, at the server's time."""
    for table in _TABLES:
        op.execute(table)
    schema = op.get_context().version_table_schema
    role = op.get_bind().dialect.identifier_preparer.quote_identifier(str(schema))
    for table, columns in _APPEND_ONLY.items():
        op.execute(f"REVOKE INSERT, UPDATE, DELETE ON {table} FROM {role}")
        op.execute(f"GRANT INSERT ({columns}) ON {table} TO {role}")
    op.execute(f"REVOKE DELETE ON exceptions FROM {role}")
    op.execute(f"REVOKE UPDATE, DELETE ON edits FROM {role}")
    op.execute(f"GRANT UPDATE (state, sequence) ON edits TO {role}")
    op.execute(f"REVOKE INSERT, DELETE ON desk FROM {role}")
