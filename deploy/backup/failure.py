"""The family of errors that end a backup or a restore, each worded as one line."""

from deploy.lab.failure import LabFailure


class BackupFailure(LabFailure):
    """A backup cannot be taken, found, trusted or restored."""
