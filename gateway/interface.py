"""One OpenAPI document for a zone: the platform's own paths and those of its functions."""

from collections.abc import Iterable, Mapping
from typing import Any

from storage.platform.functions.spec import FunctionSpec

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer gf_...`"},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_READING = frozenset({"get", "head", "options"})


def merge_documents(
    *,
    zone: str,
    tier: int,
    platform: Mapping[str, Any],
    functions: Iterable[FunctionSpec],
    documents: Mapping[str, Any],
) -> dict[str, Any]:
    """Return one document; `documents` are the functions' own, by name.

    A function adds the paths below its own prefix and no others. Its components carry its name,
    `mdms.Meter`, so that two functions may each have a `Meter`.
    """
    paths = dict(platform.get("paths", {}))
    components: dict[str, dict[str, Any]] = {
        kind: dict(members) for kind, members in platform.get("components", {}).items()
    }
    components["securitySchemes"] = dict(SECURITY_SCHEMES)
    undescribed = []
    for entry in functions:
        if tier not in entry.tiers or not entry.route_prefix:
            continue
        document = documents.get(entry.name)
        if not isinstance(document, Mapping):
            undescribed.append(entry.name)
            continue
        renamed = _renamed(document, entry.name)
        for path, item in _mapping(renamed.get("paths")).items():
            if path == entry.route_prefix or path.startswith(f"{entry.route_prefix}/"):
                paths[path] = _described(item, entry)
        for kind, members in _mapping(renamed.get("components")).items():
            if kind != "securitySchemes" and isinstance(members, Mapping):
                known = components.setdefault(kind, {})
                known |= {f"{entry.name}.{name}": member for name, member in members.items()}
    info = {**platform.get("info", {}), "title": f"GridFaaS {zone}"}
    if undescribed:
        info["x-undescribed-functions"] = sorted(undescribed)
    return {
        "openapi": platform.get("openapi", "3.1.0"),
        "info": info,
        "security": [{name: []} for name in SECURITY_SCHEMES],
        "paths": paths,
        "components": components,
    }


def _mapping(node: Any) -> Mapping[str, Any]:
    return node if isinstance(node, Mapping) else {}


def _described(item: Any, entry: FunctionSpec) -> Any:
    """Add to each operation its function as a tag, and the scopes that the gateway asks for."""
    if not isinstance(item, dict):
        return item
    for method, operation in item.items():
        if method not in _METHODS or not isinstance(operation, dict):
            continue
        operation["tags"] = [entry.name]
        if "operationId" in operation:
            operation["operationId"] = f"{entry.name}.{operation['operationId']}"
        scopes = entry.scopes.read if method in _READING else entry.scopes.write
        if scopes:
            operation["x-scopes"] = list(scopes)
    return item


def _renamed(node: Any, name: str) -> Any:
    """Copy `node` with every reference to its components leading to those of `name`."""
    if isinstance(node, Mapping):
        return {
            key: _reference(value, name)
            if key == "$ref" and isinstance(value, str)
            else _renamed(value, name)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_renamed(member, name) for member in node]
    return node


def _reference(target: str, name: str) -> str:
    start, found, rest = target.partition("#/components/")
    kind, slash, member = rest.partition("/")
    if start or not found or not slash:
        return target
    return f"#/components/{kind}/{name}.{member}"
