"""The topics of a tenant: the one that readings come by, and those that answers may go to."""

from typing import Final

_MOST_LEVELS: Final = 12
_MOST_BYTES: Final = 512


class Misdirected(ValueError):
    """An answer was asked for at a topic that is not among the tenant's answers."""


def readings_topic(prefix: str, tenant: str) -> str:
    """The topic by which readings of `tenant` come, and nobody else's."""
    return f"{prefix}/{tenant}/readings"


def check_answer_topic(topic: str, *, prefix: str, tenant: str) -> str:
    """Let pass a response topic below the tenant's answers.

    The intake may publish more than a meter may: an answer to a topic of the meter's choice would
    otherwise be a way into another tenant's topics, or back into the readings.

    Raises:
        Misdirected: it is another topic, or none that can be published to.
    """
    answers = f"{prefix}/{tenant}/answers/"
    rest = topic.removeprefix(answers)
    if (
        not topic.startswith(answers)
        or len(topic.encode(errors="replace")) > _MOST_BYTES
        or rest.count("/") >= _MOST_LEVELS
        or not rest
        or any(one in "+#" or not one.isprintable() for one in rest)
    ):
        raise Misdirected(f"answers go to a topic below {answers}")
    return topic
