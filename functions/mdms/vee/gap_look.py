"""Looking for gaps in a time: which intervals of many meters are missing though waited for."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from functions.mdms.vee.gaps import expected
from functions.mdms.vee.rule import Stretch
from functions.mdms.vee.rule_group import RuleSet
from functions.mdms.vee.turn import RowVerdict, Turn, kept_beside
from storage.model.runs import DAY_S

_NEVER: Final = -(1 << 40)


class PresenceReader(Protocol):
    """Who knows what is stored: `RedisHotStore`."""

    async def ever_stored(self, meters: Sequence[str], *, register: str) -> NDArray[np.bool_]:
        """Of which of the meters anything was ever stored here: (meters,).

        Raises:
            StoreUnavailable: no answer in time.
        """

    async def read_presence(
        self, meters: Sequence[str], *, register: str, day: int, interval_s: int, slots: range
    ) -> NDArray[np.bool_]:
        """Which of the same slots of many meters have a value: (meters, slots).

        Raises:
            StoreUnavailable: no answer in time.
        """


class GapLook:
    """Goes through a time day by day, and back before it only for who begins it with nothing."""

    def __init__(self, presence: PresenceReader) -> None:
        self._presence = presence

    async def judge(
        self,
        turn: Turn,
        *,
        meters: Sequence[str],
        register: str,
        interval_s: int,
        active: NDArray[np.bool_],
        rules: RuleSet,
        low: int,
        high: int,
    ) -> None:
        """Judge which of the intervals number `low` to `high`, since 1970, are missing.

        `active` (meters,) says which are in use. A group without a rule for gaps waits for nothing.

        Raises:
            StoreUnavailable: no answer before the deadline.
        """
        gap = rules.gap
        if gap is None or low > high:
            return
        # Of a nation's registry most may never have said anything to this zone.
        known = np.flatnonzero(await self._presence.ever_stored(meters, register=register))
        if not len(known):
            return
        if len(known) < len(meters):
            meters, active = [meters[at] for at in known.tolist()], active[known]
        a_day = DAY_S // interval_s
        within = gap.within_days * a_day
        held = turn.held.mask(meters, {gap.name})
        newest: NDArray[np.int64] | None = None
        for day in range(low // a_day, high // a_day + 1):
            begin, end = max(low, day * a_day), min(high + 1, (day + 1) * a_day)
            present = await self._read(meters, register, interval_s, begin, end)
            if newest is None:
                newest = np.full(len(meters), _NEVER)
                silent = np.flatnonzero(~present[:, 0])
                some = [meters[at] for at in silent.tolist()]
                newest[silent] = await self._newest_before(
                    some, register, interval_s, number=begin, within=within
                )
            # Who said nothing for too long, and says nothing now, is another matter.
            if present.any() or (begin - newest <= within).any():
                waited = expected(
                    present, within=within, last=end - begin - 1, before=newest - begin
                )
                await self._put(
                    turn,
                    meters,
                    Stretch(
                        energy_wh=np.broadcast_to(np.int64(0), present.shape),
                        present=present,
                        interval_s=interval_s,
                        active=active,
                        expected=waited,
                        register=register,
                    ),
                    rules,
                    first=begin,
                    held=held,
                )
            last = present.shape[1] - 1 - np.argmax(present[:, ::-1], axis=1)
            newest = np.where(present.any(axis=1), begin + last, newest)

    async def _put(
        self,
        turn: Turn,
        meters: Sequence[str],
        seen: Stretch,
        rules: RuleSet,
        *,
        first: int,
        held: NDArray[np.bool_],
    ) -> None:
        applied = next(one for one in rules.intervals if one.rule is rules.gap)
        await turn.judge(
            meters=meters,
            register=seen.register,
            interval_s=seen.interval_s,
            first=first,
            verdicts=[
                RowVerdict(applied.rule.name, applied.severity.value, one.iec_code, one.mask)
                for one in applied.rule.suspects(seen)
            ],
            count=seen.present.shape[1],
            kept=kept_beside(rules, {applied.rule.name}),
            rules=rules,
            held=held,
        )

    async def _read(
        self, meters: Sequence[str], register: str, interval_s: int, begin: int, end: int
    ) -> NDArray[np.bool_]:
        day = begin // (DAY_S // interval_s)
        first = day * (DAY_S // interval_s)
        return await self._presence.read_presence(
            meters,
            register=register,
            day=day,
            interval_s=interval_s,
            slots=range(begin - first, end - first),
        )

    async def _newest_before(
        self, meters: Sequence[str], register: str, interval_s: int, *, number: int, within: int
    ) -> NDArray[np.int64]:
        """The newest interval that has a value, of the `within` before `number`: (meters,)."""
        newest = np.full(len(meters), _NEVER)
        left = np.arange(len(meters))
        a_day = DAY_S // interval_s
        oldest = max(0, number - within)
        end = number
        while len(left) and end > oldest:
            begin = max(oldest, (end - 1) // a_day * a_day)
            some = [meters[at] for at in left.tolist()]
            present = await self._read(some, register, interval_s, begin, end)
            found = present.any(axis=1)
            newest[left[found]] = end - 1 - np.argmax(present[found, ::-1], axis=1)
            left, end = left[~found], begin
        return newest
