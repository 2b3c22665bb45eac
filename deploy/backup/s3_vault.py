"""Backups in a bucket that speaks S3: put, get, list and delete, each one signed request.

No object is larger than a chunk, so that uploads in parts are not needed.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx

from deploy.backup.failure import BackupFailure
from deploy.backup.s3_signing import S3Login, encoded_path, encoded_query, signed_headers
from deploy.backup.vault import VaultUnavailable

_TIMEOUT: Final = httpx.Timeout(120.0, connect=10.0)
_TRIES: Final = 4
_FIRST_PAUSE_S: Final = 0.5
_AGAIN: Final = frozenset({408, 429, 500, 502, 503, 504})
_AWS: Final = "https://s3.{region}.amazonaws.com"


class S3Vault:
    """`Vault` over the objects below `prefix` of a bucket, addressed by path."""

    def __init__(self, http: httpx.Client, *, login: S3Login, bucket: str, prefix: str) -> None:
        """`http` has the endpoint as its base URL; its owner closes it."""
        self._http = http
        self._login = login
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        endpoint = urlsplit(str(http.base_url))
        port = endpoint.port
        self._host = endpoint.hostname or ""
        if port is not None and port != {"http": 80, "https": 443}[endpoint.scheme]:
            self._host += f":{port}"
        self._path = endpoint.path.rstrip("/")

    @property
    def address(self) -> str:
        """See `Vault.address`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def put(self, name: str, content: bytes) -> None:
        """See `Vault.put`."""
        self._checked(self._call("PUT", name, body=content), name)

    def get(self, name: str) -> bytes | None:
        """See `Vault.get`."""
        answer = self._call("GET", name)
        if answer.status_code == 404 and _code(answer) != "NoSuchBucket":
            return None
        return self._checked(answer, name).content

    def names(self, prefix: str) -> list[str]:
        """See `Vault.names`."""
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            query = {"list-type": "2", "prefix": self._prefix + prefix, **more}
            answer = self._checked(self._call("GET", None, query=query), prefix)
            try:
                listed = ElementTree.fromstring(answer.content)
            except ElementTree.ParseError as error:
                raise VaultUnavailable(f"{self.address}: the listing is no XML") from error
            found += [
                (key.text or "").removeprefix(self._prefix)
                for key in listed.iterfind("{*}Contents/{*}Key")
            ]
            token = listed.findtext("{*}NextContinuationToken")
            if listed.findtext("{*}IsTruncated") != "true" or not token:
                return sorted(found)
            more = {"continuation-token": token}

    def delete(self, name: str) -> None:
        """See `Vault.delete`."""
        answer = self._call("DELETE", name)
        if answer.status_code != 404:
            self._checked(answer, name)

    def _call(
        self,
        method: str,
        name: str | None,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> httpx.Response:
        path = f"{self._path}/{self._bucket}"
        if name is not None:
            path += f"/{self._prefix}{name}"
        said = query or {}
        asked = encoded_query(said)
        url = httpx.URL(
            scheme=self._http.base_url.scheme,
            host=self._http.base_url.host,
            port=self._http.base_url.port,
            raw_path=(encoded_path(path) + (f"?{asked}" if asked else "")).encode(),
        )
        pause_s = _FIRST_PAUSE_S
        for left in reversed(range(_TRIES)):
            headers = signed_headers(
                self._login,
                method=method,
                host=self._host,
                path=path,
                query=said,
                body=body,
                now=datetime.now(UTC),
            )
            try:
                answer = self._http.request(method, url, content=body or None, headers=headers)
            except httpx.HTTPError as error:
                if not left:
                    raise VaultUnavailable(f"{self.address}: {error!r}") from error
            else:
                if answer.status_code not in _AGAIN or not left:
                    return answer
            time.sleep(pause_s)
            pause_s *= 2
        raise AssertionError("the last try returns or raises")

    def _checked(self, answer: httpx.Response, name: str) -> httpx.Response:
        if answer.is_success:
            return answer
        code = _code(answer)
        raise VaultUnavailable(f"{self.address}: {name}: HTTP {answer.status_code} {code}".rstrip())


@contextmanager
def open_bucket(*, bucket: str, prefix: str, environ: Mapping[str, str]) -> Iterator[S3Vault]:
    """Give a bucket with the login and endpoint that AWS_* variables name, for a block.

    Raises:
        BackupFailure: there is no login.
    """
    try:
        login = S3Login(
            access_key=environ["AWS_ACCESS_KEY_ID"],
            secret_key=environ["AWS_SECRET_ACCESS_KEY"],
            session_token=environ.get("AWS_SESSION_TOKEN"),
            region=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        )
    except KeyError as error:
        raise BackupFailure(f"an s3:// address needs {error.args[0]} in the environment") from error
    endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    base_url = endpoint or _AWS.format(region=login.region)
    with httpx.Client(base_url=base_url, timeout=_TIMEOUT, trust_env=False) as http:
        yield S3Vault(http, login=login, bucket=bucket, prefix=prefix)


def _code(answer: httpx.Response) -> str:
    """The `Code` of an S3 error, empty when the answer has none."""
    try:
        return ElementTree.fromstring(answer.content).findtext("{*}Code") or ""
    except ElementTree.ParseError:
        return ""
