"""What each class of traffic is promised: its deadline, and how long it may wait for company."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from storage.model.traffic import TrafficClass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRule:
    """Seconds from an entry's acknowledgement below to the parent's, and to its being sent.

    `urgent` classes go ahead of everything else, also of a spent cap.
    """

    deadline_s: float
    batch_age_s: float
    urgent: bool = False


ClassRules = Mapping[TrafficClass, ClassRule]

CLASS_RULES: Final[ClassRules] = {
    TrafficClass.ALARM: ClassRule(deadline_s=2.0, batch_age_s=0.0, urgent=True),
    TrafficClass.CONTROL: ClassRule(deadline_s=5.0, batch_age_s=0.0, urgent=True),
    TrafficClass.BILLING: ClassRule(deadline_s=60.0, batch_age_s=0.2),
    TrafficClass.INTERVAL: ClassRule(deadline_s=60.0, batch_age_s=0.2),
    TrafficClass.BULK: ClassRule(deadline_s=86_400.0, batch_age_s=1.0),
}
