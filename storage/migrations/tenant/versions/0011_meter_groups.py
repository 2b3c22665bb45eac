"""Find the meters of a feeder, a transformer or a service point without a look at every meter."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_GROUPS = ("feeder", "transformer", "service_point")


def upgrade() -> None:
    """Index what groups meters; those that do not say it are not in it."""
    for group in _GROUPS:
        op.execute(
            f"CREATE INDEX meters_{group} ON meters ((record->>'{group}'))"
            f" WHERE record->>'{group}' IS NOT NULL"
        )
