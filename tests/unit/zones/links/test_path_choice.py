import pytest

from zones.links.path_choice import PathChoice


def choice(**more: float) -> PathChoice:
    return PathChoice(["fibre", "radio"], **({"failover_s": 0.05, "failback_s": 10.0} | more))


def test_the_first_path_is_in_use_while_it_works() -> None:
    paths = choice()
    paths.advance(1_000.0)

    assert (paths.active, paths.next_change, paths.outage_s(1_000.0)) == ("fibre", None, 0.0)


def test_the_backup_takes_over_after_the_failover_time() -> None:
    paths = choice()
    paths.fail("fibre", 100.0)

    assert (paths.active, paths.next_change) == (None, 100.05)
    paths.advance(100.04)
    assert paths.active is None
    paths.advance(100.05)
    assert paths.active == "radio"
    assert paths.changes == {"fibre": 0, "radio": 1}
    assert paths.last_gap_s == pytest.approx(0.05)
    assert paths.outage_s(200.0) == pytest.approx(0.05)


def test_the_better_path_is_used_again_when_it_has_worked_for_a_while() -> None:
    paths = choice()
    paths.fail("fibre", 0.0)
    paths.advance(1.0)
    paths.restore("fibre", 2.0)

    assert (paths.active, paths.next_change) == ("radio", 12.0)
    paths.advance(12.0)
    assert (paths.active, paths.last_gap_s) == ("fibre", 0.0)


def test_a_path_that_comes_and_goes_is_not_gone_back_to() -> None:
    paths = choice()
    paths.fail("fibre", 0.0)
    paths.restore("fibre", 1.0)
    paths.fail("fibre", 6.0)
    paths.restore("fibre", 7.0)
    paths.advance(11.0)

    assert (paths.active, paths.next_change) == ("radio", 17.0)


def test_without_any_path_there_is_an_outage() -> None:
    paths = choice()
    paths.fail("radio", 0.0)
    paths.fail("fibre", 10.0)

    assert (paths.active, paths.next_change, paths.outage_s(40.0)) == (None, None, 30.0)
    paths.restore("radio", 40.0)
    paths.advance(50.0)
    assert (paths.active, paths.last_gap_s) == ("radio", pytest.approx(30.05))


def test_a_backup_that_fails_in_use_gives_way_to_what_came_back() -> None:
    paths = choice()
    paths.fail("fibre", 0.0)
    paths.advance(1.0)
    paths.restore("fibre", 2.0)
    paths.fail("radio", 3.0)

    assert paths.active is None
    paths.advance(12.0)
    assert paths.active == "fibre"


def test_a_change_can_take_no_time_at_all() -> None:
    paths = choice(failover_s=0.0)
    paths.fail("fibre", 5.0)

    assert (paths.active, paths.outage_s(9.0)) == ("radio", 0.0)


def test_to_fail_twice_is_to_fail_once() -> None:
    paths = choice()
    paths.fail("fibre", 1.0)
    paths.fail("fibre", 1.02)
    paths.advance(1.05)

    assert paths.active == "radio"
