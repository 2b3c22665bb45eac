"""Reads function.yaml into a FunctionSpec, and says where and why it cannot."""

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from storage.platform.functions.field_lines import line_of
from storage.platform.functions.spec import FunctionSpec
from storage.platform.functions.spec_error import SpecError
from storage.platform.functions.spec_rules import Fault, service_faults, tenant_faults

FILE_NAME = "function.yaml"
MAX_SPEC_BYTES = 64 * 1024
MAX_NESTING = 32

# Ten times as fast, where PyYAML was built with libyaml.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_AT = re.compile(r"^(?P<reason>.*?)(?: - at `(?:key` in `)?\$\.?(?P<field>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"missing required field `([^`]+)`")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")


def load_services(folder: Path) -> dict[str, FunctionSpec]:
    """Read every `<folder>/*/function.yaml` of the platform's services, by the function's name.

    Raises:
        SpecError: a file cannot be used, or two functions have one name.
    """
    specs: dict[str, FunctionSpec] = {}
    for path in sorted(folder.glob(f"*/{FILE_NAME}")):
        spec = load_service(path)
        if spec.name in specs:
            raise SpecError(
                file=str(path),
                field="name",
                reason=f"another function is named {spec.name!r}",
                advice="give each function a name of its own",
            )
        specs[spec.name] = spec
    return specs


def load_service(path: Path) -> FunctionSpec:
    """Read the function.yaml of one of the platform's services.

    Raises:
        SpecError: unreadable, or not the spec of a service.
    """
    text = _read(path)
    spec = _parse(text, file=str(path))
    _refuse(service_faults(spec), text=text, file=str(path))
    return spec


def load_function(path: Path) -> FunctionSpec:
    """Read the function.yaml of a tenant's function.

    Raises:
        SpecError: unreadable, or not the spec of a tenant's function.
    """
    return parse_function(_read(path), file=str(path))


def parse_function(text: str, *, file: str = FILE_NAME) -> FunctionSpec:
    """Read the text of a tenant's function.yaml; `file` is what errors call it.

    Raises:
        SpecError: not the spec of a tenant's function.
    """
    spec = _parse(text, file=file)
    _refuse(tenant_faults(spec), text=text, file=file)
    return spec


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
        if len(content) > MAX_SPEC_BYTES:
            raise SpecError(
                file=str(path),
                reason=f"it is larger than {MAX_SPEC_BYTES} bytes",
                advice="keep data in files of its own",
            )
        return content.decode()
    except OSError as error:
        raise SpecError(
            file=str(path),
            reason=error.strerror or str(error),
            advice=f"a function is a folder with a readable {FILE_NAME}",
        ) from error
    except UnicodeDecodeError as error:
        raise SpecError(
            file=str(path), reason="it is not UTF-8", advice="save it as UTF-8"
        ) from error


def _parse(text: str, *, file: str) -> FunctionSpec:
    try:
        _check_shape(text, file=file)
        return msgspec.convert(yaml.load(text, Loader=_Loader), FunctionSpec)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise SpecError(
            file=file,
            line=mark.line + 1 if mark is not None else None,
            reason=f"it is not YAML: {getattr(error, 'problem', None) or error}",
            advice="check indentation, quotes and brackets there",
        ) from error
    except (ValueError, RecursionError) as error:
        # msgspec.ValidationError is a ValueError, and so is a date that does not exist.
        raise _unfit(text, file=file, message=str(error)) from error


def _check_shape(text: str, *, file: str) -> None:
    """Refuse what a few bytes make huge: references to references, and endless nesting.

    The loader nests as the text does, in C: it would take the whole process with it.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        reference = isinstance(event, yaml.AliasEvent)
        if reference or depth > MAX_NESTING:
            raise SpecError(
                file=file,
                line=event.start_mark.line + 1 if event.start_mark is not None else None,
                reason="it refers to another place of the file"
                if reference
                else f"it nests deeper than {MAX_NESTING} levels",
                advice="write the value out" if reference else "flatten it",
            )


def _unfit(text: str, *, file: str, message: str) -> SpecError:
    matched = _AT.match(message)
    reason, field = (matched["reason"], matched["field"] or "") if matched else (message, "")
    named = _MISSING.search(reason) or _UNKNOWN.search(reason)
    place = ".".join(filter(None, (field, named[1] if named else "")))
    if _UNKNOWN.search(reason):
        advice = f"known here: {', '.join(_known(field))}" if _known(field) else "remove it"
    elif named:
        advice = f"add {named[1]}"
    else:
        advice = _example(place)
    return SpecError(
        file=file, line=line_of(text, place), field=place or None, reason=reason, advice=advice
    )


def _example(place: str) -> str:
    """Show a field with the value that it has when it is left out."""
    steps = place.split(".")
    value: Any = FunctionSpec(name="late-meters")
    for step in steps:
        value = getattr(value, step, None)
    if isinstance(value, str | int | float | list) and value not in ("", []):
        shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return f"write it like `{steps[-1]}: {shown}`"
    return "storage/platform/functions/function.schema.json lists what each field may hold"


def _known(field: str) -> tuple[str, ...]:
    struct: Any = FunctionSpec
    if field:
        struct = type(getattr(FunctionSpec(name="any"), field, None))
    return tuple(getattr(struct, "__struct_fields__", ()))


def _refuse(faults: list[Fault], *, text: str, file: str) -> None:
    if faults:
        field, reason, advice = faults[0]
        raise SpecError(
            file=file, line=line_of(text, field), field=field, reason=reason, advice=advice
        )
