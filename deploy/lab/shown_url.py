"""Addresses as people and logs may see them."""

from urllib.parse import parse_qsl, urlencode, urlsplit


def without_password(url: str) -> str:
    """Return the URL without the password of its login, wherever it stands."""
    parts = urlsplit(url)
    login, at, address = parts.netloc.rpartition("@")
    asked = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in asked if name != "password"]
    query = parts.query if kept == asked else urlencode(kept, safe="/")
    shown = f"{parts.scheme}://{login.partition(':')[0]}{at}{address}{parts.path}"
    return f"{shown}?{query}" if query else shown
