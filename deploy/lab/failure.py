"""The family of errors that end a lab's command, each worded as the one line its reader needs."""


class LabFailure(Exception):
    """The lab cannot go on; the message is complete in one line."""
