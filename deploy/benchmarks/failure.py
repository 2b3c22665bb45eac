"""Why a benchmark has no figures."""

from deploy.lab.failure import LabFailure


class PeerMissing(LabFailure):
    """There is nothing to compare with on this machine."""


class MeasurementFailed(LabFailure):
    """A step broke, or some of its requests failed."""
