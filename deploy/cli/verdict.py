"""The exit code that a run of readings has earned."""

from deploy.cli.exit_codes import NOT_ALL_ACKNOWLEDGED, NOT_EXACTLY_ONCE, OK
from deploy.lab.replay import Replay


def verdict(replay: Replay) -> int:
    """Judge a run: the stores come first, then the answers.

    Where faults were asked for, a refusal is the answer that was expected.
    """
    if not replay.exactly_once:
        return NOT_EXACTLY_ONCE
    answered = replay.all_answered if replay.spec.faults else replay.all_acknowledged
    return OK if answered else NOT_ALL_ACKNOWLEDGED
