"""The signature by which the receiver of a callback knows who sent it, and when."""

import hashlib
import hmac

HEADER = "GridFaaS-Signature"


def sign(*, key: str, at_s: int, call_id: str, status: int, body: bytes) -> str:
    """Return the value of GridFaaS-Signature: `t=<at_s>,v1=<HMAC-SHA256 in hex>`.

    Signed is `<t>.<call id>.<status>.` and then the body as it is sent; `at_s` is UTC in seconds.
    """
    signed = f"{at_s}.{call_id}.{status}.".encode() + body
    digest = hmac.new(key.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"
