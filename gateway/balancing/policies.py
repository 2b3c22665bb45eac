"""The policies by the name that a function's spec gives them."""

from collections.abc import Callable, Mapping

from gateway.balancing.least_loaded import LeastLoaded
from gateway.balancing.mhbco import Mhbco
from gateway.balancing.policy import Policy
from gateway.balancing.power_of_two import PowerOfTwo
from gateway.balancing.round_robin import RoundRobin

POLICIES: Mapping[str, Callable[[], Policy]] = {
    "round_robin": RoundRobin,
    "least_loaded": LeastLoaded,
    "power_of_two": PowerOfTwo,
    "mhbco": Mhbco,
}
