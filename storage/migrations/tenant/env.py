"""Alembic's entry into the history of a tenant's schema."""

from storage.migrations.environment import run

run()
