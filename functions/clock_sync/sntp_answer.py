"""What an SNTP client is answered: the zone's time and how good it is (RFC 4330, RFC 5905)."""

from functions.clock_sync.ntp_packet import (
    LEAP_NONE,
    LEAP_UNKNOWN,
    NOT_YET,
    Answer,
    reference_id,
)
from functions.clock_sync.standing import Standing


def answer_of(standing: Standing, *, receive_us: int, transmit_us: int) -> Answer:
    """Return the answer of a zone of this standing; both instants are of the zone's time.

    A zone that does not know the time says so by the leap indicator and stratum 0, with the kiss
    code INIT: clients do not use such an answer.
    """
    if not standing.synchronised:
        return Answer(
            leap=LEAP_UNKNOWN,
            stratum=0,
            root_delay_us=standing.root_delay_us,
            root_dispersion_us=standing.root_dispersion_us,
            reference_id=NOT_YET,
            reference_us=standing.heard_us,
            receive_us=receive_us,
            transmit_us=transmit_us,
        )
    at_top = standing.reference is None
    return Answer(
        leap=LEAP_NONE,
        stratum=standing.stratum,
        root_delay_us=standing.root_delay_us,
        root_dispersion_us=standing.root_dispersion_us,
        reference_id=reference_id(standing.reference),
        # Headquarters' clock is its own reference, and was right just now.
        reference_us=receive_us if at_top else standing.heard_us,
        receive_us=receive_us,
        transmit_us=transmit_us,
    )
