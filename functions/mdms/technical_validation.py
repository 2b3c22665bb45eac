"""Technical validation at the first hop: every rule over every reading, the first failure wins."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from functions.mdms.arrivals import Arrivals
from functions.mdms.interval_size import over_the_change, wrong_interval_size
from functions.mdms.meter_table import MeterTable
from functions.mdms.negative_consumption import counts_one_direction, negative_consumption
from functions.mdms.reading_time import ReadingTime
from functions.mdms.reason import Reason
from functions.mdms.register_dials import beyond_dials
from functions.mdms.sub_second import sub_second
from functions.mdms.technical_policy import TechnicalPolicy
from functions.mdms.unknown_meter import unknown_meter
from functions.mdms.unknown_quality import unknown_quality
from functions.mdms.unknown_register import unknown_register
from functions.mdms.value_range import HIGHEST, out_of_range


@dataclass(frozen=True, slots=True, kw_only=True)
class TechnicalValidation:
    """The rules with their parameters for one tenant."""

    time: ReadingTime = field(default_factory=ReadingTime)

    def nothing_wrong(self, *, arrivals: Arrivals, meters: MeterTable, now_s: int) -> bool:
        """Whether it is certain that `reasons` finds nothing where no rule group says otherwise.

        Looks at runs, and at the extremes of their values: False says nothing.
        """
        interval_s = arrivals.run_interval_s
        if not len(arrivals) or arrivals.fault.any() or interval_s.min() <= 0:
            return False
        start_s = arrivals.run_start_us // 1_000_000
        position = meters.locate(arrivals.meters)[arrivals.run_meter]
        registered_s, until_s = meters.lengths(position=position, start_s=start_s)
        if until_s is not None or _of_runs(arrivals, meters, position, registered_s).any():
            return False
        last_s = start_s + (arrivals.run_length - 1) * interval_s
        future = self.time.future(start_s=last_s, interval_s=interval_s, now_s=now_s)
        if future.any() or self.time.stale(start_s=start_s, now_s=now_s).any():
            return False
        if arrivals.values.min() < 0 or arrivals.values.max() > HIGHEST:
            return False
        quality = arrivals.quality
        if quality.min() == quality.max():
            quality = quality[:1]
        return not unknown_quality(quality).any()

    def reasons(
        self,
        *,
        arrivals: Arrivals,
        meters: MeterTable,
        reading_run: NDArray[np.int64],
        start_s: NDArray[np.int64],
        now_s: int,
        policy: TechnicalPolicy | None = None,
    ) -> NDArray[np.uint8]:
        """Return the `Reason` of each reading, 0 for the good ones: shape (N,).

        `reading_run` and `start_s` are those of `arrivals`, `now_s` is seconds since 1970. What
        rule groups say otherwise is in `policy`, by position in `meters`.
        """
        position = meters.locate(arrivals.meters)[arrivals.run_meter]
        registered_s, until_s = meters.lengths(
            position=position, start_s=arrivals.run_start_us // 1_000_000
        )
        by_run = _of_runs(arrivals, meters, position, registered_s)
        reason = arrivals.fault.copy()
        if by_run.any():
            _mark(reason, by_run[reading_run])
        interval_s = arrivals.run_interval_s[reading_run]
        of_interval = interval_s != 0
        if until_s is not None:
            over = over_the_change(
                start_s=start_s, interval_s=interval_s, until_s=until_s[reading_run]
            )
            _mark(reason, over * np.uint8(Reason.INTERVAL_SIZE))
        one_direction = np.array(
            [counts_one_direction(name) for name in arrivals.registers], dtype=np.bool_
        )[arrivals.run_register[reading_run]]
        future = self.time.future(start_s=start_s, interval_s=interval_s, now_s=now_s)
        stale = self.time.stale(start_s=start_s, now_s=now_s)
        beyond = beyond_dials(
            values=arrivals.values,
            end=meters.register_end(position)[reading_run],
            of_interval=of_interval,
        )
        negative = negative_consumption(values=arrivals.values, one_direction=one_direction)
        if policy is not None:
            said = policy.at(position[reading_run])
            future = start_s + interval_s > now_s + said.ahead_s
            stale = start_s < np.maximum(0, now_s - said.stale_after_s)
            beyond &= said.refuses_beyond_dials
            negative &= said.refuses_negative
        for code, failing in (
            (Reason.FUTURE, future),
            (Reason.STALE, stale),
            (Reason.VALUE_RANGE, out_of_range(values=arrivals.values, of_interval=of_interval)),
            (Reason.BEYOND_DIALS, beyond),
            (Reason.NEGATIVE_CONSUMPTION, negative),
            (Reason.UNKNOWN_QUALITY, unknown_quality(arrivals.quality)),
        ):
            if failing.any():
                _mark(reason, failing * np.uint8(code))
        return reason


def _of_runs(
    arrivals: Arrivals,
    meters: MeterTable,
    position: NDArray[np.int64],
    registered_s: NDArray[np.int64],
) -> NDArray[np.uint8]:
    reason = np.zeros(len(position), dtype=np.uint8)
    for code, failing in (
        (Reason.UNKNOWN_METER, unknown_meter(position)),
        (
            Reason.UNKNOWN_REGISTER,
            unknown_register(
                meters=meters,
                position=position,
                registers=arrivals.registers,
                register=arrivals.run_register,
            ),
        ),
        (
            Reason.INTERVAL_SIZE,
            wrong_interval_size(interval_s=arrivals.run_interval_s, registered_s=registered_s),
        ),
        (Reason.SUB_SECOND, sub_second(arrivals.run_start_us)),
    ):
        if failing.any():
            _mark(reason, failing * np.uint8(code))
    return reason


def _mark(reason: NDArray[np.uint8], found: NDArray[np.uint8]) -> None:
    np.copyto(reason, found, where=(reason == 0) & (found != 0))
