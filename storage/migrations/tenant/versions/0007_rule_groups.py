"""A tenant's validation rule groups: immutable versions, and the log of what was made active."""

from alembic import op

revision = "0007"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = (
    """
    CREATE TABLE rule_groups (
        name text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
        version int NOT NULL CHECK (version > 0),
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        created_by text NOT NULL,
        reason text,
        record jsonb NOT NULL,
        PRIMARY KEY (name, version)
    )
    """,
    # The newest row of a name counts; without a version the group is not active. The version of
    # the registry orders it among the changes that zones below pull.
    """
    CREATE TABLE rule_activations (
        registry_version bigint PRIMARY KEY,
        activated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        activated_by text NOT NULL,
        reason text,
        name text NOT NULL,
        version int,
        FOREIGN KEY (name, version) REFERENCES rule_groups
    )
    """,
    "CREATE INDEX rule_activations_of_name ON rule_activations (name, registry_version DESC)",
)
_APPEND_ONLY = ("rule_groups", "rule_activations")


def upgrade() -> None:
    """Create the tables; a tenant adds to both and changes neither."""
    for table in _TABLES:
        op.execute(table)
    schema = op.get_context().version_table_schema
    role = op.get_bind().dialect.identifier_preparer.quote_identifier(str(schema))
    for table in _APPEND_ONLY:
        op.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {role}")
