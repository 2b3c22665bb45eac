"""Alembic's entry into the history of schema `platform`."""

from storage.migrations.environment import run

run()
