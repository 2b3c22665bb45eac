"""Signatures are those of Amazon's own examples."""

from datetime import UTC, datetime

import pytest

from deploy.backup.s3_signing import S3Login, signed_headers

# https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
LOGIN = S3Login(
    access_key="AKIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    region="us-east-1",
)


@pytest.mark.parametrize(
    ("query", "signature"),
    [
        pytest.param(
            {"lifecycle": ""},
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            id="get_bucket_lifecycle",
        ),
        pytest.param(
            {"prefix": "J", "max-keys": "2"},
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            id="list_objects",
        ),
    ],
)
def test_a_request_without_a_body(query: dict[str, str], signature: str) -> None:
    headers = signed_headers(
        LOGIN,
        method="GET",
        host="examplebucket.s3.amazonaws.com",
        path="/",
        query=query,
        body=b"",
        now=datetime(2013, 5, 24, tzinfo=UTC),
    )

    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={signature}"
    )


def test_secrets_are_not_shown() -> None:
    assert "wJalr" not in repr(LOGIN)
