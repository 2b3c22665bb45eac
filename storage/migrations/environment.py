"""What both histories do when Alembic loads their `env.py`."""

from alembic import context


def run() -> None:
    """Apply the history to the schema and in the transaction that the caller put in `Config`."""
    attributes = context.config.attributes
    context.configure(
        connection=attributes["connection"],
        version_table=attributes["version_table"],
        version_table_schema=attributes["schema"],
    )
    with context.begin_transaction():
        context.run_migrations()
