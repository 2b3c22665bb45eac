"""A tenant's month as people read it."""

from typing import Any

SHOWN_DIGITS = 6


def usage_text(usage: dict[str, Any]) -> str:
    """Return usage and invoice, as `/v1/usage` gives them."""
    records, invoice = usage["records"], usage["invoice"]
    state = f"closed at {usage['closed_at']}" if usage["closed_at"] else "open"
    lines = [
        f"{usage['tenant']}, {usage['month']} (UTC), {state};"
        f" the ledger up to position {usage['ledger_position']:,}",
        f"{records['total']:,} records: {records['billed']:,} invocations,"
        f" {records['link']:,} carried by links, {records['platform']:,} of the platform's,"
        f" {records['refused']:,} refused; only invocations and what links moved cost",
        "",
    ]
    lines += [
        f"  {one['function']:<22} {one['zone']:<10} {one['origin'] or '-':<9}"
        f" {one['invocations']:>10,} calls {_short(one['gb_seconds']):>14} GB-s"
        f" {_short(one['cpu_seconds']):>12} CPU-s {one['bytes_in']:>13,} B in"
        f" {one['bytes_out']:>13,} B out"
        for one in usage["functions"]
    ]
    lines += [
        f"  {one['lower'] or '?'} > {one['upper']}  {one['requests']:,} requests,"
        f" {one['bytes']:,} B moved ({one['function']})"
        for one in usage["links"]
    ]
    lines += [
        f"  {one['store']} store of {one['zone']}  {_short(one['gb_hours'])} GB-hours"
        f" in {one['samples']:,} hours"
        for one in usage["stored"]
    ]
    return "\n".join([*lines, "", *_invoice(invoice)])


def proof_text(proof: dict[str, Any]) -> str:
    """Return what `--verify` found."""
    if proof["proven"]:
        return (
            f"proven: {proof['records']:,} records read from the ledger again,"
            " every sum is what they add up to"
        )
    return "\n".join(["NOT proven:", *(f"  {one}" for one in proof["differences"])])


def _invoice(invoice: dict[str, Any]) -> list[str]:
    currency = invoice["currency"]
    rows = [f"  {'invoice':<16} {'quantity':>18} {'free':>14} {'price':>14}   amount"]
    for line in invoice["lines"]:
        price = line["price"] + (f" / {int(line['per']):,}" if line["per"] != "1" else "")
        rows.append(
            f"  {line['unit']:<16} {_short(line['quantity']):>18} {_short(line['free']):>14}"
            f" {price:>14}   {line['amount']}"
        )
    rows += [
        f"  correction of {one['month']}: {', '.join(one['differences'])}   {one['amount']}"
        for one in invoice["corrections"]
    ]
    rows.append(f"  total {invoice['total']} {currency} by price list {invoice['price_list']}")
    return rows


def _short(number: str) -> str:
    """Group thousands and round for the eye: what is billed is exact, in the JSON."""
    whole, _, fraction = number.partition(".")
    shown = fraction[:SHOWN_DIGITS].rstrip("0")
    return f"{int(whole):,}" + (f".{shown}" if shown else "")
