import pytest

from functions.clock_sync.exchange import Sample
from functions.clock_sync.ntp_packet import reference_id
from functions.clock_sync.sntp_answer import answer_of
from functions.clock_sync.zone_clock import FollowingClock, HeadquartersClock
from tests.unit.functions.clock_sync.clocks import HandClock

DAY_S = 86_400


def following(machine: HandClock, *, max_distance_s: float = 1.5) -> FollowingClock:
    return FollowingClock(machine, tolerance_ppm=15, max_distance_us=max_distance_s * 1e6)


def learned(machine: HandClock, *, offset_us: int) -> Sample:
    """What an exchange teaches that finds the machine's wall clock `offset_us` late."""
    return Sample(
        at_us=machine.steady,
        offset_us=machine.wall - machine.steady + offset_us,
        delay_us=2_000,
        dispersion_us=3.0,
        root_delay_us=1_000,
        root_dispersion_us=10.0,
    )


def test_a_zone_that_heard_nothing_knows_nothing() -> None:
    machine = HandClock()
    standing = following(machine).standing()

    assert (standing.synchronised, standing.stratum) == (False, 16)
    answer = answer_of(standing, receive_us=1, transmit_us=2)
    assert (answer.leap, answer.stratum, answer.reference_id) == (3, 0, b"INIT")


def test_a_zone_tells_its_parents_time_without_touching_the_machines() -> None:
    machine = HandClock()
    clock = following(machine)
    clock.take(learned(machine, offset_us=-250_000), reference="zone-1", stratum=1)

    standing = clock.standing()

    assert clock.now_us() == machine.wall - 250_000
    assert (standing.stratum, standing.reference, standing.offset_us) == (2, "zone-1", -250_000)
    assert (standing.delay_us, standing.root_delay_us) == (2_000, 3_000)
    assert standing.distance_us == pytest.approx(1_500 + 13)


def test_setting_the_machines_clock_changes_what_it_lacks_not_what_is_told() -> None:
    machine = HandClock()
    clock = following(machine)
    clock.take(learned(machine, offset_us=0), reference="zone-1", stratum=1)
    told = clock.now_us()

    machine.wall += 3_600_000_000

    assert clock.now_us() == told
    assert clock.standing().offset_us == -3_600_000_000


def test_cut_off_the_error_grows_by_the_tolerance_until_it_is_too_much() -> None:
    machine = HandClock()
    clock = following(machine)
    clock.take(learned(machine, offset_us=0), reference="zone-1", stratum=1)
    fresh = clock.standing()

    machine.wait(DAY_S)
    after_a_day = clock.standing()
    machine.wait(DAY_S)
    after_two = clock.standing()

    grown_us = after_a_day.root_dispersion_us - fresh.root_dispersion_us
    assert grown_us == pytest.approx(15e-6 * DAY_S * 1e6)
    assert after_a_day.synchronised
    assert after_a_day.heard_us == fresh.heard_us
    assert (after_two.synchronised, after_two.stratum) == (False, 16)


def test_headquarters_is_its_own_reference() -> None:
    machine = HandClock()
    clock = HeadquartersClock(machine, error_us=500)
    machine.wall += 7

    standing = clock.standing()
    answer = answer_of(standing, receive_us=clock.now_us(), transmit_us=clock.now_us())

    assert clock.now_us() == machine.wall
    assert (standing.stratum, standing.synchronised, standing.distance_us) == (1, True, 501)
    assert (answer.stratum, answer.reference_id) == (1, b"LOCL")
    assert answer.reference_us == machine.wall


def test_an_sntp_answer_carries_what_the_zone_knows() -> None:
    machine = HandClock()
    clock = following(machine)
    clock.take(learned(machine, offset_us=0), reference="zone-2", stratum=2)

    answer = answer_of(clock.standing(), receive_us=5, transmit_us=6)

    assert (answer.leap, answer.stratum, answer.root_delay_us) == (0, 3, 3_000)
    assert answer.reference_id == reference_id("zone-2")
    assert answer.reference_us == machine.wall
