"""Methods as data: named, with their parameters, in the order in which they are tried."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from types import MappingProxyType
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from functions.mdms.estimation.like_day_profile import LikeDayProfile
from functions.mdms.estimation.linear_interpolation import LinearInterpolation
from functions.mdms.estimation.method import History, Method
from functions.mdms.estimation.proxy_day import ProxyDay
from functions.mdms.estimation.register_difference import RegisterDifference

METHODS: Final[Mapping[str, type[Method]]] = MappingProxyType(
    {one.name: one for one in (RegisterDifference, LinearInterpolation, LikeDayProfile, ProxyDay)}
)


class BadMethod(ValueError):
    """A method has a name or a parameter that is not known, or that means nothing."""


@dataclass(frozen=True, slots=True)
class Filled:
    """Estimates of all methods together: `energy_wh` (M, S) int64 where `method` is not -1.

    `method` (M, S) int8 indexes the methods that were tried; what none could fill stays -1.
    """

    energy_wh: NDArray[np.int64]
    method: NDArray[np.int8]


def fill(history: History, methods: Sequence[Method]) -> Filled:
    """Estimate the wanted intervals, each by the first of `methods` that can.

    An interval that is known is never estimated, whatever `wanted` says. No method rests on
    another's estimates.
    """
    energy = np.zeros_like(history.energy_wh)
    method = np.full(history.known.shape, -1, dtype=np.int8)
    for index, one in enumerate(methods):
        left = history.wanted & ~history.known & (method < 0)
        if not left.any():
            break
        found = one.estimates(history)
        taken = found.filled & left
        energy[taken] = found.energy_wh[taken]
        method[taken] = index
    return Filled(energy, method)


def read_method(name: str, parameters: Mapping[str, Any]) -> Method:
    """The method of that name; what `parameters` does not say is as it is by default.

    Raises:
        BadMethod: an unknown name or parameter, or one of a wrong type or range.
    """
    kind: Any = METHODS.get(name)
    if kind is None:
        raise BadMethod(f"there is no method {name[:64]!r}; known are {', '.join(METHODS)}")
    unknown = set(parameters) - {field.name for field in fields(kind)}
    if unknown:
        raise BadMethod(f"method {name!r} has no parameter {min(unknown)[:64]!r}")
    try:
        method: Method = msgspec.convert(dict(parameters), kind)
    except msgspec.ValidationError as error:
        raise BadMethod(f"method {name!r}: {error}") from error
    return method


def default_methods() -> list[Method]:
    """Every method with its defaults: what registers say, short lines, days that are alike."""
    return [read_method(name, {}) for name in METHODS]


def described_methods(methods: Iterable[Method]) -> list[dict[str, Any]]:
    """The methods as an answer says them."""
    found = []
    for method in methods:
        parameters: Any = method
        found.append(
            {
                "method": method.name,
                "quality": int(method.quality),
                "parameters": asdict(parameters),
            }
        )
    return found
