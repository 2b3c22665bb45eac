from functions.clock_sync.source_rates import SourceRates, Verdict

ANSWER, KISS, DROP = Verdict.ANSWER, Verdict.KISS, Verdict.DROP


def rates(*, sources: int = 10) -> SourceRates:
    return SourceRates(burst=3, every_s=2.0, sources=sources)


def test_a_burst_is_answered_then_one_kiss_then_nothing() -> None:
    limits = rates()

    assert [limits.judge("a", now_s=0.0) for _ in range(6)] == [
        *[ANSWER] * 3,
        KISS,
        *[DROP] * 2,
    ]


def test_a_kiss_is_repeated_at_the_pace_of_the_limit() -> None:
    limits = rates()
    for _ in range(3):
        limits.judge("a", now_s=0.0)

    # Each packet but the first of a pace comes before there is a token again.
    verdicts = [limits.judge("a", now_s=0.5 * n) for n in range(9)]

    assert verdicts == [KISS, DROP, DROP, DROP, ANSWER, KISS, DROP, DROP, ANSWER]


def test_patience_is_rewarded() -> None:
    limits = rates()
    for _ in range(5):
        limits.judge("a", now_s=0.0)

    assert limits.judge("a", now_s=2.0) is ANSWER
    assert limits.judge("a", now_s=2.1) is not ANSWER


def test_sources_do_not_share_a_limit() -> None:
    limits = rates()
    for _ in range(5):
        limits.judge("a", now_s=0.0)

    assert limits.judge("b", now_s=0.0) is ANSWER


def test_memory_is_bounded_and_the_one_silent_longest_goes() -> None:
    limits = rates(sources=2)
    for source in ("a", "b", "a"):
        limits.judge(source, now_s=0.0)
    limits.judge("c", now_s=0.0)
    assert len(limits) == 2

    assert [limits.judge("a", now_s=0.0) for _ in range(2)] == [ANSWER, KISS]
