"""AWS Signature Version 4 for requests whose whole body is at hand.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Login:
    """An access key of a region; a session token comes with a temporary one."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str
    session_token: str | None = field(default=None, repr=False)


def signed_headers(
    login: S3Login,
    *,
    method: str,
    host: str,
    path: str,
    query: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> dict[str, str]:
    """Return the headers that prove the request; `path` begins with a slash and is not encoded.

    `host` is as the request says it, with a port that is not the scheme's own; `now` is UTC.
    """
    at = now.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(body).hexdigest()
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": at}
    if login.session_token is not None:
        headers["x-amz-security-token"] = login.session_token
    names = ";".join(sorted(headers))
    request = "\n".join(
        (
            method,
            encoded_path(path),
            encoded_query(query),
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            digest,
        )
    )
    scope = f"{at[:8]}/{login.region}/s3/aws4_request"
    to_sign = "\n".join((ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{login.secret_key}".encode()
    for part in (at[:8], login.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"{ALGORITHM} Credential={login.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    return headers


def encoded_path(path: str) -> str:
    """The path as it is signed and sent."""
    return quote(path, safe="/~")


def encoded_query(query: Mapping[str, str]) -> str:
    """The query as it is signed and sent."""
    return "&".join(
        f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query.items())
    )
