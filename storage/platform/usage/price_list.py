"""Price lists: data in YAML, one file a list, each valid from an instant on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

import msgspec
import yaml

from storage.platform.usage.month import Month
from storage.platform.usage.quantities import Unit

FOLDER: Final = Path(__file__).parent / "price_lists"


class PriceListInvalid(ValueError):
    """A price list cannot be read; names the file and what is wrong with it."""


class NoPriceList(LookupError):
    """No price list is valid for a month."""


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`price` for each `per` units of a month beyond the `free` ones."""

    price: Decimal
    per: Decimal = Decimal(1)
    free: Decimal = Decimal(0)


class PriceList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices in `currency`, whose amounts have `decimals` places, from `valid_from` (UTC) on."""

    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z._-]{1,40}$")]
    valid_from: datetime
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
    decimals: Annotated[int, msgspec.Meta(ge=0, le=6)]
    prices: Mapping[Unit, Price]


def read_price_list(text: str, *, name: str) -> PriceList:
    """Read a list from YAML; `name` is what errors call it.

    Raises:
        PriceListInvalid: a price is missing, negative or no number, or the list has another form.
    """
    try:
        found = msgspec.convert(yaml.safe_load(text), type=PriceList)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise PriceListInvalid(f"{name}: {error}") from error
    if found.valid_from.tzinfo is None:
        raise PriceListInvalid(f"{name}: valid_from has no time zone")
    for unit in Unit:
        price = found.prices.get(unit)
        if price is None:
            raise PriceListInvalid(f"{name}: no price for {unit}; say 0 for none")
        for value in (price.price, price.per, price.free):
            if not value.is_finite() or value < 0 or price.per == 0:
                raise PriceListInvalid(f"{name}: {unit}: a number below 0, or per 0")
    return found


def read_price_lists(folder: Path = FOLDER) -> list[PriceList]:
    """Read every list of a folder (`*.yaml`), oldest first.

    Raises:
        PriceListInvalid: one cannot be read, or they do not go together.
        OSError: a file cannot be read.
    """
    lists = [
        read_price_list(path.read_text(), name=path.name) for path in sorted(folder.glob("*.yaml"))
    ]
    lists.sort(key=lambda one: one.valid_from)
    if len({one.version for one in lists}) < len(lists):
        raise PriceListInvalid(f"{folder}: two lists have the same version")
    if len({one.valid_from for one in lists}) < len(lists):
        raise PriceListInvalid(f"{folder}: two lists are valid from the same instant")
    if len({(one.currency, one.decimals) for one in lists}) > 1:
        # A correction is an amount of another month's list.
        raise PriceListInvalid(f"{folder}: all lists have to be in one currency")
    return lists


def price_list_for(month: Month, *, lists: Sequence[PriceList]) -> PriceList:
    """Return the newest list that is valid at the month's first instant: it holds for all of it.

    Raises:
        NoPriceList: the month is before all of them.
    """
    valid = [one for one in lists if one.valid_from <= month.since]
    if not valid:
        raise NoPriceList(f"no price list is valid for {month}")
    return max(valid, key=lambda one: one.valid_from)
